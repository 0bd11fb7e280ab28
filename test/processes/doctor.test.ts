import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { test } from "../support/server/site-test.ts";

/** Returns the findings of a report that are problems. */
function problemsOf(stdout: string): string[] {
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings
    .filter(({ outcome }) => outcome === "failed" || outcome === "warning")
    .map(({ check, outcome }) => `${check} ${outcome}`);
}

test("doctor finds nothing wrong with a server of `npm start`, neither before nor after its start", async ({
  newSite,
}) => {
  const site = newSite();
  await site.begin();
  const before = await site.run(["doctor"]);
  expect(before).toMatchObject({ code: 0, stderr: "" });
  expect(before.stdout).toMatch(/skipped +database +the embedded Postgres does not run/);
  const server = await site.serve();
  const port = new URL(server.url).port;
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

test("doctor ends with code 1 for wrong settings and for a server that is away", async ({ newSite }) => {
  const site = newSite();
  const wrong = await site.run(["doctor"], { LATCHKEY_WORKERS: "many" });
  expect(wrong).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/failed +settings +LATCHKEY_WORKERS: /),
  });
  const away = await site.run(["doctor", "--url", "http://127.0.0.1:1"]);
  expect(away).toMatchObject({ code: 1, stdout: expect.stringContaining("cannot be reached") });
});

test("try refuses a server that is not on this machine, and ends with code 3 if none runs", async ({
  newSite,
}) => {
  const site = newSite();
  const remote = await site.run(["try"], { LATCHKEY_URL: "https://keys.example.com" });
  expect(remote).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/not on this machine.*--url/),
  });
  const none = await site.run(["try", "--url", "http://127.0.0.1:1"]);
  expect(none).toMatchObject({ code: 3, stderr: expect.stringMatching(/^latchkey: cannot reach/) });
});
