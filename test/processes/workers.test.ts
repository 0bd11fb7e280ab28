import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../src/db/embedded/address.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { issueKey } from "../support/app.ts";
import { createSite, type Served, type Site } from "../support/server/serve.ts";

const count = 2;
let site: Site;
let server: Served;
let metricsPort: number;
beforeAll(async () => {
  metricsPort = await freePort();
  site = createSite({ LATCHKEY_WORKERS: String(count), LATCHKEY_METRICS_PORT: String(metricsPort) });
  server = await site.serve();
});
afterAll(() => site.clear());

/** Returns the workers that serve now: those that began according to the log, without those that ended. */
function workers(): Set<unknown> {
  const serving = new Set<unknown>();
  for (const { msg, worker } of server.log()) {
    if (msg === "a worker serves") serving.add(worker);
    else if (msg?.startsWith("a worker ended")) serving.delete(worker);
  }
  return serving;
}

test("all workers serve one port, and no worker accepts a key after its revocation has returned", async () => {
  expect(workers().size).toBe(count);
  const owner = await signUpAt(server.url);
  const verifier = site.token("verifier-key");
  for (let round = 0; round < 10; round++) {
    const { id, token } = await issueKey(owner);
    // Each call uses a separate connection. The workers receive connections in turns.
    const verdicts = () =>
      Promise.all(
        Array.from({ length: 2 * count }, () =>
          clientsAt(server.url, verifier).tokens.verifyToken({ token }),
        ),
      );
    for (let i = 0; i < 2; i++) expect((await verdicts()).every(({ valid }) => valid)).toBe(true);
    await owner.apiKeys.revokeApiKey({ id });
    expect((await verdicts()).some(({ valid }) => valid)).toBe(false);
  }
});

test("a rate limit holds for all workers together", async () => {
  const owner = await signUpAt(server.url, "limited@example.com");
  const rateLimits = [{ name: "calls", limit: 20, period: { seconds: 2_678_400n } }];
  const { token } = await issueKey(owner, { spec: { rateLimits } });
  const verifier = site.token("verifier-key");
  const calls = Array.from({ length: 60 }, () =>
    clientsAt(server.url, verifier).tokens.verifyToken({ token }),
  );
  const accepted = (await Promise.all(calls)).filter(({ valid }) => valid);
  // On a busy machine, the workers may find the shared store too slow. Then each of them counts by itself.
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const isAway = /^latchkey_rate_limit_decisions_total\{by="local"\} [1-9]/m.test(metrics);
  expect(accepted.length).toBeGreaterThanOrEqual(20);
  expect(accepted.length).toBeLessThanOrEqual(isAway ? 20 * count : 20);
});

test("the metric with the version is 1, however many workers there are", async () => {
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  expect(metrics).toMatch(/^latchkey_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
});

test("a killed worker is replaced while the others serve", async () => {
  const owner = await signUpAt(server.url, "another@example.com");
  const { token } = await issueKey(owner);
  const [killed] = workers();
  const before = server.log().filter(({ msg }) => msg === "a worker serves").length;
  process.kill(Number(killed), "SIGKILL");
  await server.logged(({ msg, worker }) => msg === "a worker ended and is replaced" && worker === killed);
  await server.logged(
    ({ msg }) =>
      msg === "a worker serves" &&
      server.log().filter((line) => line.msg === "a worker serves").length > before,
  );
  expect(workers().size).toBe(count);
  for (let i = 0; i < 2 * count; i++) {
    const verifier = clientsAt(server.url, site.token("verifier-key"));
    expect(await verifier.tokens.verifyToken({ token })).toMatchObject({ valid: true });
  }
});

test("SIGTERM ends all workers, and the process ends with status 0", async () => {
  const pids = [...workers()].map(Number);
  expect(await server.stop()).toMatchObject({ code: 0 });
  for (const pid of pids) expect(isRunning(pid)).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
