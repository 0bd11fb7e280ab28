import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { issueKey } from "../support/app.ts";
import type { Served, Site } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

const isRoot = process.geteuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };
const keyFiles = ["platform-key", "verifier-key"] as const;
// The time for a first start, which runs initdb, on a busy machine.
const startMs = 15_000;

// Only root can start processes of another user.
const users = isRoot ? ["root", "an ordinary user"] : ["an ordinary user"];
describe.concurrent("latchkey serve", () => {
  test.for(users)(
    "as %s, it starts in an empty directory, its printed commands work, and a second start has all data",
    async (name, { newSite }) => {
      const user = isRoot && name !== "root" ? nobody : undefined;
      const site = newSite({}, { user, empty: true });
      const start = performance.now();
      const first = await site.serve();
      expect(performance.now() - start).toBeLessThan(startMs);
      expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      for (const file of keyFiles) {
        expect(statSync(join(site.dataDir, file)).mode & 0o777).toBe(0o600);
        expect(site.token(file)).toMatch(/^lk_(svc|live)_\w{64}$/);
      }
      await pasteAll(site, first);
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
      await pasteAll(site, second);
    },
  );

  test("a pasted command whose call fails writes the error to stderr and keeps the file of the last run", async ({
    newSite,
  }) => {
    const site = newSite();
    const server = await site.serve();
    const [signUp = ""] = await printedCommands(server);
    expect(await paste(signUp)).toEqual({ stdout: "", stderr: "" });
    const file = join(site.dataDir, "me");
    const before = readFileSync(file, "utf8");
    expect((await paste(signUp.replace("correct horse battery", "short"))).stderr).toContain(
      "INVALID_ARGUMENT",
    );
    expect(readFileSync(file, "utf8")).toBe(before);
  });
});

/** Runs the commands that the server printed: they sign up, issue a key and verify it. */
async function pasteAll(site: Site, server: Served): Promise<void> {
  const [signUp = "", create = "", verify = "", ...more] = await printedCommands(server);
  expect(more).toEqual([]);
  expect(await paste(signUp)).toEqual({ stdout: "", stderr: "" });
  expect(await paste(create)).toEqual({ stdout: "", stderr: "" });
  const { stdout } = await paste(verify);
  expect(JSON.parse(stdout)).toMatchObject({ valid: true, verdict: "VERDICT_VALID" });
  for (const file of ["me", "key.json"]) {
    expect(statSync(join(site.dataDir, file)).mode & 0o777, file).toBe(0o600);
  }
}

/** Returns the commands that the server prints for the operator to paste. Their lines are indented. */
async function printedCommands(server: Served): Promise<string[]> {
  await server.said("/v1/tokens:verify\n");
  return server
    .stderr()
    .split("\n")
    .filter((line) => /^ {2}\S/.test(line));
}

/** Runs a line in bash. */
function paste(line: string): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile("bash", [], { timeout: 30_000 }, (error, stdout, stderr) =>
      error ? reject(error) : resolve({ stdout, stderr }),
    );
    child.stdin?.end(`${line}\n`);
  });
}
