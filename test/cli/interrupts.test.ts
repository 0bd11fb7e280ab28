import { expect, test } from "vitest";
import { watchInterrupts } from "../../src/cli/interrupts.ts";

test("two signals of one Ctrl-C are one, because npm may pass on what the terminal has sent already", () => {
  const listeners = new Set<() => void>();
  const onInterrupt = (listener: () => void) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const abandoned: string[] = [];
  const { signal, end } = watchInterrupts({ onInterrupt }, () => abandoned.push("abandoned"));
  for (const _ of ["terminal", "npm"]) for (const listener of listeners) listener();
  expect({ aborted: signal.aborted, abandoned }).toEqual({ aborted: true, abandoned: [] });
  end();
  expect(listeners.size).toBe(0);
});
