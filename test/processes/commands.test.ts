import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { migrations } from "../../src/db/migrations/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { refusal } from "../support/errors.ts";
import { clientsAt } from "../support/remote.ts";
import { createSite, type Ended, type Site } from "../support/serve.ts";

let site: Site;
beforeEach(() => {
  site = createSite();
  return site.clear;
});

test("--help goes to stdout and names every command", async () => {
  const ends = await Promise.all([["--help"], ["serve", "-h"]].map((args) => site.run(args)));
  for (const { code, stdout, stderr } of ends) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const word of ["serve", "migrate", "bootstrap", "--rotate", "LATCHKEY_PORT"]) {
      expect(stdout).toContain(word);
    }
  }
});

test("arguments that mean nothing are one clear line", async () => {
  const wrong = [[], ["frobnicate"], ["serve", "now"], ["serve", "--rotate"], ["serve", "--frob"]];
  for (const end of await Promise.all(wrong.map((args) => site.run(args))))
    expectOneLine(end, /latchkey --help/);
});

describe("on an external database", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase("empty");
    site = createSite({ LATCHKEY_DATABASE_URL: database.url });
    return async () => {
      await site.clear();
      await database.drop();
    };
  });

  test("migrate brings it forward, and says what it did", async () => {
    const names = migrations.map(({ name }) => name).join(", ");
    expect(await site.run(["migrate"])).toMatchObject({ code: 0, stdout: `applied ${names}\n`, stderr: "" });
    expect(await site.run(["migrate"])).toMatchObject({ code: 0, stdout: "nothing to do\n", stderr: "" });
  });

  test("bootstrap shows a token once, and --rotate replaces it at once", async () => {
    expectOneLine(await site.run(["bootstrap", "--rotate"]), /latchkey bootstrap/);
    const made = await site.run(["bootstrap"]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toMatch(/^lk_svc_\w{64}\n$/);
    expectOneLine(await site.run(["bootstrap"]), /exists.*--rotate/);

    const { url } = await site.serve();
    const isPlatform = (token: string) => clientsAt(url, token).tokens.verifyToken({ token: "x" });
    await isPlatform(made.stdout.trim());
    const rotated = await site.run(["bootstrap", "--rotate"]);
    expect(rotated).toMatchObject({ code: 0, stderr: "" });
    expect(await refusal(isPlatform(made.stdout.trim()))).toMatchObject({ reason: "REVOKED_API_KEY" });
    await isPlatform(rotated.stdout.trim());
  });

  test("of two bootstraps at once, one shows a token", async () => {
    const both = await Promise.all([site.run(["bootstrap"]), site.run(["bootstrap"])]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(both.map(({ stdout }) => stdout).join("")).toMatch(/^lk_svc_\w{64}\n$/);
  });

  test("a database that has outgrown the server is refused; one that is merely newer is served", async () => {
    await site.run(["migrate"]);
    const level = migrations.length + 1;
    await sql`insert into latchkey_migration_level values ('9999_next', ${level}, 1)`.execute(database.db);
    await (await site.serve()).stop();
    await sql`update latchkey_migration_level set oldest_server = level`.execute(database.db);
    for (const command of ["serve", "migrate", "bootstrap"]) {
      expectOneLine(await site.run([command]), /outgrown this server.*9999_next.*newer Latchkey/);
    }
  });

  test("a database that cannot be had is one clear line, without its password", async () => {
    const at = (change: (url: URL) => void) => {
      const url = new URL(database.url);
      url.password = "s3cret-passw0rd";
      change(url);
      return { LATCHKEY_DATABASE_URL: url.href };
    };
    const nobodyThere = at((url) => (url.host = "127.0.0.1:1"));
    expectOneLine(await site.run(["serve"], nobodyThere), /cannot reach the database at 127\.0\.0\.1:1: /);
    const noSuchHost = at((url) => (url.host = "nowhere.invalid"));
    expectOneLine(
      await site.run(["migrate"], noSuchHost),
      /cannot reach the database at nowhere\.invalid:\d+: /,
    );
    const unknown = at((url) => (url.pathname = "/nothing"));
    expectOneLine(await site.run(["bootstrap"], unknown), /the database at 127\.0\.0\.1:\d+: /);
  });
});

describe("a start that cannot be is one clear line:", () => {
  test("a port that is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = String(typeof address === "object" ? address?.port : "");
    try {
      for (const name of ["LATCHKEY_PORT", "LATCHKEY_METRICS_PORT"]) {
        const line = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: the port is already in use`);
        expectOneLine(await site.run(["serve"], { [name]: port }), line);
      }
    } finally {
      taken.close();
    }
  });

  test("bad settings, all of them, a line each", async () => {
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

  test("a certificate that is none", async () => {
    const file = join(site.dataDir, "..", "not.pem");
    writeFileSync(file, "nonsense");
    const env = { LATCHKEY_TLS_CERT: file, LATCHKEY_TLS_KEY: file };
    expectOneLine(await site.run(["serve"], env), /LATCHKEY_TLS_CERT/);
  });

  test("a second server on one data directory, while the first goes on", async () => {
    const first = await site.serve();
    for (const command of ["serve", "migrate", "bootstrap"]) {
      expectOneLine(await site.run([command]), new RegExp(`in use by process ${first.pid}`));
    }
    await clientsAt(first.url, site.token("platform-key")).tokens.verifyToken({ token: "x" });
  });

  test("a data directory that cannot be made", async () => {
    expectOneLine(await site.run(["serve"], { LATCHKEY_DATA_DIR: "/dev/null/data" }), /\/dev\/null\/data/);
  });
});

test("on an embedded database, --rotate leaves the new token in the key file", async () => {
  const first = await site.serve();
  const lost = site.token("platform-key");
  await first.stop();
  const file = join(site.dataDir, "platform-key");
  expect(await site.run(["bootstrap", "--rotate"])).toMatchObject({
    code: 0,
    stdout: `the platform key is in ${file}\n`,
  });
  const { url } = await site.serve();
  expect(await refusal(clientsAt(url, lost).tokens.verifyToken({ token: "x" }))).toMatchObject({
    reason: "REVOKED_API_KEY",
  });
  await clientsAt(url, site.token("platform-key")).tokens.verifyToken({ token: "x" });
});

function expectOneLine({ code, stdout, stderr }: Ended, line: RegExp): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^latchkey: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(stderr).not.toMatch(/passw0rd|\[redacted\]/);
}
