import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import { describe, expect } from "vitest";
import { openListener } from "../../src/db/listen.ts";
import { migrations } from "../../src/db/migrations/index.ts";
import { clientsAt } from "../support/actors/remote.ts";
import { expectOneLine } from "../support/cli/one-line.ts";
import { refusal } from "../support/errors.ts";
import { sampled } from "../support/random.ts";
import { postmasterOf } from "../support/server/embedded-process.ts";
import { test } from "../support/server/site-test.ts";

const commands = ["serve", "migrate", "bootstrap"];

describe.concurrent("latchkey", () => {
  test("--help and no arguments write every command to stdout", async ({ newSite }) => {
    const site = newSite();
    const ends = await Promise.all([["--help"], []].map((args) => site.run(args)));
    for (const { code, stdout, stderr } of ends) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      for (const word of ["serve", "migrate", "bootstrap", "key", "--version", "LATCHKEY_PORT"]) {
        expect(stdout).toContain(word);
      }
    }
    expect((await site.run(["bootstrap", "-h"])).stdout).toContain("--verifier-out FILE");
  });

  test("--version writes the version of package.json to stdout", async ({ newSite }) => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    const end = await newSite().run(["--version"]);
    expect(end).toMatchObject({ code: 0, stdout: `latchkey ${version}\n`, stderr: "" });
  });

  test("invalid arguments cause an error of one line", async ({ newSite }) => {
    const site = newSite();
    const wrong = [
      ["frobnicate"],
      ["serve", "now"],
      ["serve", "--rotate"],
      ["serve", "--out", "x"],
      ["serve", "--frob"],
      ["bootstrap", "--out"],
      ["bootstrap", "--rotate", "--verifier-out", "x"],
    ];
    for (const end of await Promise.all(sampled(wrong, 3).map((args) => site.run(args))))
      expectOneLine(end, /latchkey .*--help/, 2);
  });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.concurrent("commands on an external database", () => {
  test("migrate applies the pending migrations and lists them", async ({ external }) => {
    const { site } = external;
    const names = migrations.map(({ name }) => name).join(", ");
    expect(await site.run(["migrate"])).toMatchObject({ code: 0, stdout: `applied ${names}\n`, stderr: "" });
    expect(await site.run(["migrate"])).toMatchObject({
      code: 0,
      stdout: "no pending migrations\n",
      stderr: "",
    });
  });

  test("bootstrap prints a token once, serve then finds the platform account, and --rotate replaces the token at once", async ({
    migrated,
  }) => {
    const { site } = migrated;
    expectOneLine(await site.run(["bootstrap", "--rotate"]), /latchkey bootstrap/);
    const made = await site.run(["bootstrap"]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toMatch(/^lk_svc_\w{64}\n$/);
    expectOneLine(await site.run(["bootstrap"]), /exists.*--rotate/);

    const { url, stderr } = await site.serve();
    const isPlatform = (token: string) => clientsAt(url, token).tokens.verifyToken({ token: "x" });
    await isPlatform(made.stdout.trim());
    const received: string[] = [];
    const feed = { onMessage: (payload: string) => void received.push(payload), onLost() {} };
    const listener = await openListener(migrated.url, ["latchkey"], feed);
    const rotated = await site.run(["bootstrap", "--rotate"]);
    listener.close();
    expect(rotated).toMatchObject({ code: 0, stderr: "" });
    // The command sends an invalidation, the accounts that it concerns and a change marker, as an instance does.
    const sent = received.filter((payload) => /^[im] /.test(payload));
    const expected = [/^i key_\w+ @acct_\w+$/, /^i @\*$/, /^m [0-9a-f]{18} 1$/];
    expect(sent).toEqual(expected.map((payload) => expect.stringMatching(payload)));
    expect(await refusal(isPlatform(made.stdout.trim()))).toMatchObject({ reason: "REVOKED_API_KEY" });
    await isPlatform(rotated.stdout.trim());
    expect(stderr()).not.toContain("no platform account");
  });

  test("if two bootstraps run at once, exactly one prints a token", async ({ migrated }) => {
    const { site } = migrated;
    const both = await Promise.all([site.run(["bootstrap"]), site.run(["bootstrap"])]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(both.map(({ stdout }) => stdout).join("")).toMatch(/^lk_svc_\w{64}\n$/);
  });

  test("the server refuses a database that is too new for it, and serves one with compatible newer migrations", async ({
    migrated,
  }) => {
    const { site } = migrated;
    const level = migrations.length + 1;
    await sql`insert into latchkey_migration_level values ('9999_next', ${level}, 1)`.execute(migrated.db);
    await (await site.serve()).stop();
    await sql`update latchkey_migration_level set oldest_server = level`.execute(migrated.db);
    for (const end of await Promise.all(sampled(commands, 1).map((command) => site.run([command])))) {
      expectOneLine(end, /outgrown this server.*9999_next.*newer Latchkey/);
    }
  });

  test("an unreachable or unknown database causes an error of one line without the password", async ({
    migrated,
  }) => {
    const { site } = migrated;
    const at = (change: (url: URL) => void) => {
      const url = new URL(migrated.url);
      url.password = "s3cret-passw0rd";
      change(url);
      return { LATCHKEY_DATABASE_URL: url.href };
    };
    const [noServer, unknownHost, unknownDatabase] = await Promise.all([
      site.run(
        ["serve"],
        at((url) => (url.host = "127.0.0.1:1")),
      ),
      site.run(
        ["migrate"],
        at((url) => (url.host = "nowhere.invalid")),
      ),
      site.run(
        ["bootstrap"],
        at((url) => (url.pathname = "/nothing")),
      ),
    ]);
    expectOneLine(noServer, /cannot reach the database at 127\.0\.0\.1:1: /);
    expectOneLine(unknownHost, /cannot reach the database at nowhere\.invalid:\d+: /);
    expectOneLine(unknownDatabase, /the database at \S+:\d+: /);
  });
});

describe.concurrent("failed starts", () => {
  test("a port that is in use causes an error of one line", async ({ newSite }) => {
    const site = newSite();
    await site.begin();
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = String(typeof address === "object" ? address?.port : "");
    try {
      for (const name of sampled(["LATCHKEY_PORT", "LATCHKEY_METRICS_PORT"], 1)) {
        const line = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is already in use`);
        expectOneLine(await site.run(["serve"], { [name]: port }), line);
        expect(postmasterOf(site.dataDir)).toBeUndefined();
      }
    } finally {
      taken.close();
    }
  });

  test("every invalid setting causes one line", async ({ newSite }) => {
    const site = newSite();
    const { code, stdout, stderr } = await site.run(["serve"], {
      LATCHKEY_PORT: "70000",
      LATCHKEY_DATABASE_URL: "mysql://user:s3cret@host/db",
      LATCHKEY_TLS_CERT: "/nowhere/cert.pem",
      LATCHKEY_TLS_KEY: "/nowhere/key.pem",
      LATCHKEY_SESSION_IDLE: "soon",
      LATCHKEY_PROT: "8080",
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const names = ["DATABASE_URL", "PORT", "PROT", "SESSION_IDLE", "TLS_CERT", "TLS_KEY"];
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => /^latchkey: LATCHKEY_(\w+): /.exec(line)?.[1]).sort()).toEqual(names);
    expect(stderr).not.toContain("s3cret");
  });

  test("a malformed certificate causes an error of one line", async ({ newSite }) => {
    const site = newSite();
    const file = join(site.dataDir, "..", "not.pem");
    writeFileSync(file, "nonsense");
    const env = { LATCHKEY_TLS_CERT: file, LATCHKEY_TLS_KEY: file };
    expectOneLine(await site.run(["serve"], env), /LATCHKEY_TLS_CERT/);
  });

  test("a data directory that cannot be created causes an error of one line", async ({ newSite }) => {
    const site = newSite();
    expectOneLine(await site.run(["serve"], { LATCHKEY_DATA_DIR: "/dev/null/data" }), /\/dev\/null\/data/);
  });
});
