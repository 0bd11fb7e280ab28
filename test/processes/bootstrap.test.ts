import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { clientsAt } from "../support/actors/remote.ts";
import { refusal } from "../support/errors.ts";
import { sampled } from "../support/random.ts";
import type { Site } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

const both = ["bootstrap", "--out", "platform-key", "--verifier-out", "verifier-key"];

/** Returns the path of a file in the working directory of the commands. */
const fileOf = (site: Site, name: string) => join(dirname(site.dataDir), name);
const tokenIn = (path: string) => readFileSync(path, "utf8").trim();

test("bootstrap before the first start with an embedded database writes both key files", async ({
  newSite,
}) => {
  const site = newSite({}, { empty: true });
  const [platform, verifier] = ["platform-key", "verifier-key"].map((name) => join(site.dataDir, name));
  expect(await site.run(["bootstrap"])).toMatchObject({
    code: 0,
    stdout: `the platform key is in ${platform}\na key that can only verify is in ${verifier}\n`,
  });
  const { url } = await site.serve();
  await expectKeys(url, site.token("platform-key"), site.token("verifier-key"));
});

describe.concurrent("bootstrap on an external database", () => {
  test("serve says that the platform account is missing, and its command writes both tokens to new files that only their owner can read", async ({
    migrated: { site },
  }) => {
    const { url, logged } = await site.serve();
    const line = await logged(({ msg = "" }) => msg.includes("no platform account"));
    const [, command = ""] = /run `latchkey (.*)`/.exec(line.msg ?? "") ?? [];
    expect(command.split(" ")).toEqual(both);
    expect(await site.run(both)).toMatchObject({
      code: 0,
      stdout: "the platform key is in platform-key\na key that can only verify is in verifier-key\n",
      stderr: "",
    });
    const files = ["platform-key", "verifier-key"].map((name) => fileOf(site, name));
    for (const file of files) expect(statSync(file).mode & 0o777).toBe(0o600);
    const [platform = "", verifier = ""] = files.map(tokenIn);
    await expectKeys(url, platform, verifier);

    // A rotation neither overwrites the file nor ends the token.
    expect(await site.run(["bootstrap", "--rotate", "--out", "platform-key"])).toMatchObject({ code: 1 });
    await expectKeys(url, platform, verifier);
    expect(await site.run(["bootstrap", "--rotate", "--out", "new-key"])).toMatchObject({
      code: 0,
      stdout: "the platform key is in new-key\n",
    });
    const old = clientsAt(url, platform).tokens.verifyToken({ token: "x" });
    expect(await refusal(old)).toMatchObject({ reason: "REVOKED_API_KEY" });
    await expectKeys(url, tokenIn(fileOf(site, "new-key")), verifier);
  });

  test("with a wrong path, changes nothing and leaves no file behind", async ({ migrated: { site } }) => {
    const kept = fileOf(site, "kept");
    writeFileSync(kept, "something else\n");
    const before = readdirSync(dirname(kept));
    const wrong: [args: string[], line: RegExp][] = [
      [["--out", "kept"], /kept exists and is not overwritten/],
      [["--out", "new", "--verifier-out", "kept"], /kept exists and is not overwritten/],
      [["--out", "new", "--verifier-out", "new"], /new exists and is not overwritten/],
      [["--out", "nowhere/new"], /cannot create nowhere\/new: its directory does not exist/],
      [["--out", "kept/new"], /cannot create kept\/new: its directory is a file/],
    ];
    for (const [args, line] of sampled(wrong, 2)) {
      const { code, stdout, stderr } = await site.run(["bootstrap", ...args]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^latchkey: [^\n]+\n$/);
      expect(stderr).toMatch(line);
    }
    expect(readFileSync(kept, "utf8")).toBe("something else\n");
    expect(readdirSync(dirname(kept))).toEqual(before);
    expect(await site.run(both)).toMatchObject({ code: 0 });
  });

  test("if the platform account exists, leaves no file behind", async ({ migrated: { site } }) => {
    expect(await site.run(["bootstrap"])).toMatchObject({ code: 0, stdout: /^lk_svc_\w{64}\n$/ });
    expect(await site.run(both)).toMatchObject({ code: 1, stderr: /exists.*--rotate/ });
    for (const name of ["platform-key", "verifier-key"]) expect(existsSync(fileOf(site, name))).toBe(false);
  });
});

test("a bootstrap that a signal ends before there are tokens leaves no file behind", async ({ newSite }) => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const site = newSite({ LATCHKEY_DATABASE_URL: `postgres://user:password@127.0.0.1:${port}/db` });
  const running = site.start(both);
  const [connection] = await once(silent, "connection");
  const files = ["platform-key", "verifier-key"].map((name) => fileOf(site, name));
  expect(files.map((file) => existsSync(file))).toEqual([true, true]);
  expect((await running.stop("SIGINT")).code).toBe(130);
  expect(files.map((file) => existsSync(file))).toEqual([false, false]);
  connection.destroy();
  silent.close();
});

/** Checks that one token may administer the platform, and that the other one may only verify. */
async function expectKeys(url: string, platform: string, verifier: string): Promise<void> {
  const [all, verifying] = [clientsAt(url, platform), clientsAt(url, verifier)];
  await all.accounts.searchAccounts({});
  const { verdict } = await verifying.tokens.verifyToken({ token: platform });
  expect(verdict).toBe(Verdict.VALID);
  expect(await refusal(verifying.accounts.searchAccounts({}))).toMatchObject({ reason: "PERMISSION_DENIED" });
}
