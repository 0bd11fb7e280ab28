import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { TestContext } from "vitest";
import { parseRedisUrl, type RedisAddress } from "../../../src/verify/limits/redis/address.ts";
import { skipWithout } from "../missing-program.ts";

/** A Redis server of a test, on a free port of the loopback interface. It keeps nothing on disk. */
export interface TestRedis {
  url: string;
  address: RedisAddress;
  process: ChildProcess;
  stop(): Promise<void>;
}

/** Skips a test if Redis is not installed. */
export function skipWithoutRedis(context: Pick<TestContext, "task" | "skip">): Promise<void> {
  return skipWithout(context, "redis-server", ["--version"], "apt-get install redis-server");
}

/** Starts a server, by default on a free port. It ends with this process at the latest, also if its test fails. */
export async function startRedis(port?: number): Promise<TestRedis> {
  const chosen = port ?? (await freePort());
  const server = spawn(
    "redis-server",
    ["--bind", "127.0.0.1", "--port", String(chosen), "--save", "", "--appendonly", "no", "--dir", "/tmp"],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const end = () => void server.kill("SIGKILL");
  process.once("exit", end);
  server.once("exit", () => process.off("exit", end));
  let log = "";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`redis-server ended: ${log}`)));
    server.stdout.on("data", (piece: Buffer) => {
      log += piece.toString();
      if (log.includes("Ready to accept connections")) resolve();
    });
  });
  const url = `redis://127.0.0.1:${chosen}`;
  const address = parseRedisUrl(url);
  if (!address) throw new Error("the URL of the test is wrong");
  return {
    url,
    address,
    process: server,
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return;
      server.kill("SIGKILL");
      await once(server, "exit");
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a server on a port has a port");
  return address.port;
}
