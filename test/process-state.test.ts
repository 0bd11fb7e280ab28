import { tmpdir } from "node:os";
import { expect, test, vi } from "vitest";
import { changedParts, processState } from "./support/process-state.ts";

const listener = () => undefined;
const directory = process.cwd();
const mask = process.umask();

const changes: [parts: string[], change: () => unknown, restore: () => unknown][] = [
  [["process.env.X"], () => vi.stubEnv("X", "1"), vi.unstubAllEnvs],
  [["process.env.PATH"], () => vi.stubEnv("PATH", undefined), vi.unstubAllEnvs],
  [
    ["listener 1 of the process for SIGHUP"],
    () => process.on("SIGHUP", listener),
    () => process.off("SIGHUP", listener),
  ],
  [["globalThis.fetch"], () => vi.stubGlobal("fetch", listener), vi.unstubAllGlobals],
  [["console.error"], () => vi.spyOn(console, "error"), vi.restoreAllMocks],
  [["the current directory"], () => process.chdir(tmpdir()), () => process.chdir(directory)],
  [["the umask"], () => process.umask(0o123), () => process.umask(mask)],
  [["globalThis.Date", "fake timers"], () => vi.useFakeTimers({ toFake: ["Date"] }), vi.useRealTimers],
];

test.each(changes)("the check after each file finds a change of %j", (parts, change, restore) => {
  const before = processState();
  change();
  const changed = changedParts(before, processState());
  restore();
  expect(changed).toEqual(parts);
  expect(changedParts(before, processState())).toEqual([]);
});
