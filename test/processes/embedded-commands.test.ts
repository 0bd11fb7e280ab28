import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { clientsAt } from "../support/actors/remote.ts";
import { expectOneLine } from "../support/cli/one-line.ts";
import { refusal } from "../support/errors.ts";
import { sampled } from "../support/random.ts";
import { createSite, type Ended, type Served } from "../support/server/serve.ts";

const site = createSite();
let lost: string;
/** The report of `doctor` before the start. */
let before: Ended;
let rotated: Ended;
let server: Served;
beforeAll(async () => {
  await site.begin();
  lost = site.token("platform-key");
  before = await site.run(["doctor"]);
  rotated = await site.run(["bootstrap", "--rotate"]);
  server = await site.serve();
});
afterAll(() => site.clear());

const verify = (token: string) => clientsAt(server.url, token).tokens.verifyToken({ token: "x" });

test("with an embedded database, --rotate writes the new token to the key file", async () => {
  const file = join(site.dataDir, "platform-key");
  expect(rotated).toMatchObject({ code: 0, stdout: `the platform key is in ${file}\n` });
  expect(await refusal(verify(lost))).toMatchObject({ reason: "REVOKED_API_KEY" });
  await verify(site.token("platform-key"));
});

test("a second server on one data directory fails with one line, and the first one continues", async () => {
  const commands = ["serve", "migrate", "bootstrap"];
  for (const end of await Promise.all(sampled(commands, 1).map((command) => site.run([command])))) {
    expectOneLine(end, new RegExp(`in use by process ${server.pid}`));
  }
  await verify(site.token("platform-key"));
});

test("doctor finds nothing wrong with a server of `npm start`, neither before nor after its start", async () => {
  expect(before).toMatchObject({ code: 0, stderr: "" });
  expect(before.stdout).toMatch(/skipped +database +the embedded Postgres does not run/);
  const { port } = new URL(server.url);
  const running = await site.run(["doctor", "--json"], { LATCHKEY_PORT: port });
  expect(running).toMatchObject({ code: 0, stderr: "" });
  expect(problemsOf(running.stdout)).toEqual([]);
  const { findings } = JSON.parse(running.stdout) as { findings: Finding[] };
  for (const check of ["database", "clock", "feed", "lease", "server"])
    expect(findings.filter((one) => one.check === check).map(({ outcome }) => outcome)).not.toContain(
      "skipped",
    );
  expect(running.stdout).toContain("1 instance runs; the longest lease is 1 s");
  // The database password is in none of it.
  expect(running.stdout).not.toMatch(/postgres:\/\//);

  chmodSync(join(site.dataDir, "platform-key"), 0o644);
  const wide = await site.run(["doctor", "--json"], { LATCHKEY_PORT: port });
  expect(wide.code).toBe(1);
  expect(problemsOf(wide.stdout)).toEqual(["data directory failed"]);
  const remote = await site.run(["doctor", "--url", server.url]);
  expect(remote).toMatchObject({ code: 0, stdout: expect.stringContaining("No problems found.") });
});

/** Returns the findings of a report that are problems. */
function problemsOf(stdout: string): string[] {
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings
    .filter(({ outcome }) => outcome === "failed" || outcome === "warning")
    .map(({ check, outcome }) => `${check} ${outcome}`);
}
