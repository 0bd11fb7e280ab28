import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { issueKey } from "../support/app.ts";
import { long } from "../support/long.ts";
import { npmEnv } from "../support/package/install.ts";
import type { createSite, Served, Site } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const keyFiles = ["platform-key", "verifier-key"] as const;
// The time for a first start, which runs initdb, while other tests use the machine.
const startMs = 30_000;

describe.concurrent("latchkey serve", () => {
  test("as an ordinary user, it starts in an empty directory, the command that it prints works, and a second start has all data", async ({
    newSite,
  }) => {
    const { site, first } = await firstStart(newSite, isRoot ? nobody : undefined);
    await pasteTry(site, first);
    const key = await issueKey(await signUpAt(first.url));
    const tokens = keyFiles.map(site.token);
    expect(await first.stop()).toMatchObject({ code: 0, stdout: `latchkey listening on ${first.url}\n` });

    // A built-in role has two permissions.
    const second = await site.serve({ LATCHKEY_MAX_PERMISSIONS_PER_ROLE: "1" });
    const above = await second.logged(
      ({ msg }) => msg?.startsWith("some records are above their bounds") === true,
    );
    expect(above.records).toEqual({ permissions_per_role: expect.any(Number) });
    expect(keyFiles.map(site.token)).toEqual(tokens);
    for (const token of tokens) {
      const verdict = await clientsAt(second.url, token).tokens.verifyToken({ token: key.token });
      expect(verdict).toMatchObject({ valid: true });
    }
    if (long) await pasteTry(site, second);
    else await tryLineOf(second);
  });

  // Only root can start processes of another user.
  test.runIf(isRoot)(
    "as root, it starts in an empty directory, and issues and verifies a key",
    async ({ newSite }) => {
      const { site, first } = await firstStart(newSite);
      const { token } = await issueKey(await signUpAt(first.url));
      const verifier = clientsAt(first.url, site.token("verifier-key"));
      expect(await verifier.tokens.verifyToken({ token })).toMatchObject({ valid: true });
    },
  );
});

/** Starts a server in an empty directory, and checks its address and its key files. */
async function firstStart(newSite: typeof createSite, user?: typeof nobody) {
  const site = newSite({}, { user, empty: true });
  const start = performance.now();
  const first = await site.serve();
  expect(performance.now() - start).toBeLessThan(startMs);
  expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  for (const file of keyFiles) {
    expect(statSync(join(site.dataDir, file)).mode & 0o777).toBe(0o600);
    expect(site.token(file)).toMatch(/^lk_(svc|live)_\w{64}$/);
  }
  return { site, first };
}

/** Runs the first command that the server printed, which shows a key from its creation to its end. */
async function pasteTry(site: Site, server: Served): Promise<void> {
  const { stdout } = await paste(await tryLineOf(server), { LATCHKEY_DATA_DIR: site.dataDir });
  expect(stdout.match(/VERDICT_\w+/g)).toEqual(["VERDICT_VALID", "VERDICT_REVOKED"]);
}

/** Returns the first command that the server printed. */
async function tryLineOf(server: Served): Promise<string> {
  await server.said("/console/.\n");
  const [line = ""] = server
    .stderr()
    .split("\n")
    .filter((one) => /^ {2}\S/.test(one));
  expect(line.trim()).toBe(`npx latchkey try --url ${server.url}`);
  return line;
}

/** Runs a line in bash. */
function paste(line: string, env: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const options = { timeout: 60_000, env: { ...npmEnv(), ...env } };
    const child = execFile("bash", [], options, (error, stdout, stderr) =>
      error ? reject(error) : resolve({ stdout, stderr }),
    );
    child.stdin?.end(`${line}\n`);
  });
}
