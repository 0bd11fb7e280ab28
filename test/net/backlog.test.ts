import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const kernelLimit = "/proc/sys/net/core/somaxconn";
const most = existsSync(kernelLimit) ? Number(readFileSync(kernelLimit, "utf8")) : 0;
const wanted = 1_000;

test.runIf(most > wanted)(
  "a server that is busy for a moment loses no connection of a flood",
  async () => {
    const server = spawn(process.execPath, [
      join(import.meta.dirname, "..", "support", "net", "listening-process.ts"),
    ]);
    onTestFinished(() => void server.kill("SIGKILL"));
    const [line] = await once(server.stdout, "data");
    const port = Number(String(line));
    // It accepts nothing any more, as if its event loop were busy.
    server.kill("SIGSTOP");
    const flood = Array.from({ length: wanted }, () => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      onTestFinished(() => void socket.destroy());
      return once(socket, "connect");
    });
    // Nothing is accepted, so a connection that the kernel dropped would never be made.
    expect(await Promise.all(flood)).toHaveLength(wanted);
  },
  10_000,
);
