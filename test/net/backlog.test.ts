import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const kernelLimit = "/proc/sys/net/core/somaxconn";
const maxBacklog = existsSync(kernelLimit) ? Number(readFileSync(kernelLimit, "utf8")) : 0;
const connections = 1_000;

test.runIf(maxBacklog > connections)(
  "a server whose event loop is busy for a moment loses no connection of a flood",
  async () => {
    const server = spawn(process.execPath, [
      join(import.meta.dirname, "..", "support", "net", "listening-process.ts"),
    ]);
    onTestFinished(() => void server.kill("SIGKILL"));
    const [line] = await once(server.stdout, "data");
    const port = Number(String(line));
    // A stopped process accepts no connections, like one with a busy event loop.
    server.kill("SIGSTOP");
    const flood = Array.from({ length: connections }, () => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      onTestFinished(() => void socket.destroy());
      return once(socket, "connect");
    });
    // A connection that the kernel dropped would never be established.
    expect(await Promise.all(flood)).toHaveLength(connections);
  },
  10_000,
);
