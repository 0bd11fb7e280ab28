import { execFile, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { skipWithout } from "../support/missing-program.ts";
import { text } from "../support/net/hostile.ts";
import { openTestPort } from "../support/net/net.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const run = promisify(execFile);

// The check without arguments, and one that names the path. HAProxy sends both over HTTP/1.0 without a host.
const checks = { bare: "option httpchk", named: "option httpchk GET /readyz" };

test("the checks of HAProxy report a server as healthy if and only if it is ready", async (context) => {
  await skipWithout(context, "haproxy", ["-v"], "apt-get install haproxy");
  let ready = true;
  const { port } = await openTestPort({ handler: () => {}, isReady: () => ready });
  const socket = await startHaproxy(port);
  await expect.poll(() => statusesAt(socket)).toEqual(["bare UP L7OK 200", "named UP L7OK 200"]);
  ready = false;
  await expect.poll(() => statusesAt(socket)).toEqual(["bare DOWN L7STS 503", "named DOWN L7STS 503"]);
});

test("curl --http1.0 gets both probes, also without a host", async (context) => {
  await skipWithout(context, "curl", ["--version"], "apt-get install curl");
  const { url } = await openTestPort({ handler: () => {}, isReady: () => true });
  for (const [path, body] of [["healthz", "ok\n"] as const, ["readyz", "ready\n"] as const]) {
    for (const host of [[], ["-H", "Host:"]]) {
      const { stdout } = await run("curl", ["-sS", "--fail", "--http1.0", ...host, `${url}/${path}`]);
      expect(stdout).toBe(body);
    }
  }
});

/** Starts HAProxy before this port until the test ends. Returns the path of its socket for commands. */
async function startHaproxy(port: number): Promise<string> {
  const directory = scratchDirectory("haproxy");
  const socket = join(directory, "stats");
  const backends = Object.entries(checks).map(
    ([name, check]) =>
      `backend ${name}\n  ${check}\n  server one 127.0.0.1:${port} check inter 100ms fall 1 rise 1\n`,
  );
  const settings = `global\n  stats socket ${socket}\ndefaults\n  mode http\n  timeout connect 2s\n  timeout server 2s\n`;
  writeFileSync(join(directory, "haproxy.cfg"), settings + backends.join(""));
  const haproxy = spawn("haproxy", ["-db", "-f", join(directory, "haproxy.cfg")], { stdio: "ignore" });
  const ended = new Promise((resolve) => haproxy.once("close", resolve));
  onTestFinished(async () => {
    haproxy.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  await expect.poll(() => statusesAt(socket).catch(() => [])).toHaveLength(2);
  return socket;
}

/** Returns the name, the status, the result of the last check and its HTTP status for each backend. */
async function statusesAt(path: string): Promise<string[]> {
  const socket = connect(path);
  socket.end("show stat\n");
  const [head = "", ...rows] = (await text(socket)).trim().split("\n");
  const names = head.replace(/^# /, "").split(",");
  const of = (row: string, name: string) => row.split(",")[names.indexOf(name)];
  return rows
    .filter((row) => of(row, "svname") === "one")
    .map((row) => ["pxname", "status", "check_status", "check_code"].map((name) => of(row, name)).join(" "));
}
