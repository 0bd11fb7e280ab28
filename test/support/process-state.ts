import { vi } from "vitest";

/** What a test file can change in its process, each part with its name. */
export type ProcessState = ReadonlyMap<string, unknown>;

/** Returns the state of this process that test files share. */
export function processState(): ProcessState {
  return new Map<string, unknown>([
    ...Object.entries(process.env).map(([name, value]) => [`process.env.${name}`, value] as const),
    ...process.eventNames().flatMap(listenersOf),
    ...valuesOf("globalThis", globalThis),
    ...valuesOf("console", console),
    ["the current directory", process.cwd()],
    ["the umask", process.umask()],
    ["fake timers", vi.isFakeTimers()],
  ]);
}

/** Returns the names of the parts that differ. */
export function changedParts(before: ProcessState, after: ProcessState): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => !Object.is(before.get(name), after.get(name)));
}

// Each listener is a part of its own. A function that listens twice to an event is two parts.
function listenersOf(event: string | symbol): [string, unknown][] {
  return process
    .rawListeners(event)
    .map((listener, n) => [`listener ${n + 1} of the process for ${String(event)}`, listener]);
}

// A property that Node creates at its first use has a getter, which stays. Libraries keep data under names such as `__zod`.
function valuesOf(name: string, object: object): [string, unknown][] {
  return Object.entries(Object.getOwnPropertyDescriptors(object))
    .filter(([key]) => !key.startsWith("__"))
    .map(([key, { value, get }]) => [`${name}.${key}`, get ?? value]);
}
