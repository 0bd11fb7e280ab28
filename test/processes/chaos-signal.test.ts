import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { signalIfThere } from "../../chaos/signal.ts";

test("a fault that meets a process which another fault has ended does nothing", async () => {
  const child = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] });
  const ended = once(child, "exit");
  const { pid = 0 } = child;
  expect(signalIfThere(pid, "SIGKILL")).toBe(true);
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect(signalIfThere(pid, "SIGSTOP")).toBe(false);
});
