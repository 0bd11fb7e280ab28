import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test as base, expect } from "vitest";
import { createGround, type EmbeddedProcess, query } from "../support/server/embedded-process.ts";

const test = base.extend("newGround", ({ task: _ }, { onCleanup }) => {
  const grounds: ReturnType<typeof createGround>[] = [];
  onCleanup(async () => {
    for (const ground of grounds) await ground.clear();
  });
  return (pathBytes: number) => {
    const ground = createGround(undefined, pathBytes);
    grounds.push(ground);
    return ground;
  };
});
const socketFileBytes = "/socket/.s.PGSQL.5432".length;
const maxPathBytes = process.platform === "darwin" ? 103 : 107;

test.concurrent("the embedded Postgres listens on a socket that only its user may reach, if the path has at most 107 bytes", async ({
  newGround,
}) => {
  const ground = newGround(maxPathBytes - socketFileBytes);
  const server = await ground.start();
  const directory = join(ground.dataDir, "socket");
  expect(decodeURIComponent(new URL(server.url).hostname)).toBe(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, ".s.PGSQL.5432")).mode & 0o077).toBe(0);
  expect(await query(server.url, "show listen_addresses")).toEqual([{ listen_addresses: "" }]);
  expectOperatorCommand(server, ground.dataDir, ["-h", directory, "-p", "5432"]);
});

test.concurrent("the embedded Postgres listens on a loopback port if the socket path is longer", async ({
  newGround,
}) => {
  const ground = newGround(maxPathBytes - socketFileBytes + 1);
  const server = await ground.start();
  const { hostname, port } = new URL(server.url);
  expect(hostname).toBe("127.0.0.1");
  expect(await query(server.url, "show unix_socket_directories")).toEqual([{ unix_socket_directories: "" }]);
  expectOperatorCommand(server, ground.dataDir, ["-h", "127.0.0.1", "-p", port]);
});

// Runs the operator's command in a shell, with a `psql` that only prints its password and its arguments.
function expectOperatorCommand({ operatorCommand }: EmbeddedProcess, dataDir: string, where: string[]): void {
  const psql = join(dataDir, "psql");
  writeFileSync(psql, '#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$@"\n', { mode: 0o700 });
  const env = { PATH: `${dataDir}:${process.env.PATH}` };
  const shown = execFileSync("sh", ["-c", operatorCommand], { env, encoding: "utf8" }).trim().split("\n");
  const password = readFileSync(join(dataDir, "postgres-password"), "utf8").trim();
  expect(shown).toEqual([password, ...where, "-U", "latchkey", "-d", "postgres"]);
  expect(operatorCommand).not.toContain(password);
}
