import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { examineCertificate } from "../../../src/cli/doctor/certificate.ts";
import { diagnose, diagnoseRemote, exitCodeOf } from "../../../src/cli/doctor/doctor.ts";
import type { Finding } from "../../../src/cli/doctor/finding.ts";
import { reportLines } from "../../../src/cli/doctor/report.ts";
import { migrations } from "../../../src/db/migrations/index.ts";
import { createLog } from "../../../src/infra/log.ts";
import type { PortOptions } from "../../../src/net/port.ts";
import { useApp } from "../../support/app.ts";
import { testLeaseMs } from "../../support/cheap.ts";
import { createTestDatabase } from "../../support/database/database.ts";
import { startPooler } from "../../support/database/pooler.ts";
import { openTestPort, selfSigned } from "../../support/net/net.ts";
import { scratchDirectory } from "../../support/server/scratch.ts";

const app = useApp();
const log = createLog("silent", { write() {} });
// The instance of this test sends its heartbeats more often.
const feedTiming = { patienceMs: 500, listenMs: testLeaseMs };
const doctor = (env: Record<string, string>, now = Date.now) => diagnose({ env, log, now, feedTiming });

/** Returns the outcomes of a report, by check. */
function outcomes(findings: readonly Finding[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { check, outcome } of findings) found[check] = [...(found[check] ?? []), outcome];
  return found;
}

/** Returns the findings that are a problem, as one text. */
const problems = (findings: readonly Finding[]) =>
  findings.filter(({ outcome }) => outcome === "failed" || outcome === "warning").map(({ what }) => what);

const text = (findings: readonly Finding[]) => reportLines(findings, (_, plain) => plain).join("\n");

function scratch(): string {
  const path = scratchDirectory("doctor");
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Serves the app on a port of its own. */
const serve = (options: Partial<PortOptions> = {}) =>
  openTestPort({ handler: app.app.handler, plain: app.app.plain, isReady: () => true, ...options });

test("a running server and its database have no problem, and the report says so", async () => {
  const { url } = await serve();
  const findings = await doctor({ LATCHKEY_DATABASE_URL: app.databaseUrl, LATCHKEY_PORT: new URL(url).port });
  expect(outcomes(findings)).toEqual({
    versions: ["ok", "ok"],
    settings: ["ok"],
    "data directory": ["skipped"],
    database: ["ok", "ok"],
    clock: ["ok"],
    feed: ["ok"],
    lease: ["ok"],
    tls: ["skipped"],
    server: ["ok"],
  });
  expect(findings.find(({ check }) => check === "lease")?.what).toBe(
    "1 instance runs; the longest lease is 0.2 s",
  );
  expect(exitCodeOf(findings)).toBe(0);
  expect(text(findings)).toMatch(/^ok {7}versions {8}Latchkey .*\n\nNo problems found\.$/s);
});

test("every wrong setting is a finding, and no later check runs", async () => {
  const findings = await doctor({ LATCHKEY_PORT: "70000", LATCHKEY_PROT: "1" });
  expect(problems(findings)).toEqual([
    "LATCHKEY_PORT: expected a port, 0 to 65535",
    "LATCHKEY_PROT: unknown setting",
  ]);
  expect(outcomes(findings)).toMatchObject({ database: ["skipped"], server: ["skipped"] });
  expect(exitCodeOf(findings)).toBe(1);
  expect(text(findings)).toMatch(
    /\nfailed {3}settings {8}LATCHKEY_PORT: .*\n {25}The server does not start\.\n/,
  );
});

test("a database that cannot be reached is one finding without its password", async () => {
  const url = "postgres://me:s3cret-passw0rd@127.0.0.1:1/none";
  const findings = await doctor({ LATCHKEY_DATABASE_URL: url, LATCHKEY_PORT: "0" });
  expect(problems(findings)).toEqual([
    expect.stringMatching(/^cannot reach the database at 127\.0\.0\.1:1: /),
  ]);
  expect(JSON.stringify(findings)).not.toContain("passw0rd");
});

test("pending migrations and a missing platform account are warnings, and a database of a newer version fails", async () => {
  const empty = await createTestDatabase("empty");
  const migrated = await createTestDatabase();
  onTestFinished(async () => {
    await empty.drop();
    await migrated.drop();
  });
  const report = (url: string) => doctor({ LATCHKEY_DATABASE_URL: url, LATCHKEY_PORT: "0" });
  expect(problems(await report(empty.url))).toEqual([
    `${migrations.length} migrations are pending, from ${migrations[0]?.name} on`,
  ]);
  expect(problems(await report(migrated.url))).toEqual(["the database has no platform account"]);
  const level = migrations.length + 1;
  await sql`insert into latchkey_migration_level values ('9999_next', ${level}, ${level})`.execute(
    migrated.db,
  );
  const outgrown = await report(migrated.url);
  expect(problems(outgrown)).toEqual([expect.stringMatching(/outgrown this server.*9999_next/)]);
  expect(outgrown.find(({ outcome }) => outcome === "failed")?.remedy).toMatch(/Update the program/);
});

test("a change feed behind a connection pooler in transaction mode fails, and the remedy names the setting", async () => {
  const pooler = await startPooler(app.databaseUrl);
  onTestFinished(() => pooler.close());
  const through = { LATCHKEY_DATABASE_URL: pooler.url, LATCHKEY_PORT: "0" };
  const named = await doctor(through);
  expect(JSON.stringify(named)).toContain("Set LATCHKEY_STATEMENT_NAMES to off");
  const unnamed = await doctor({ ...through, LATCHKEY_STATEMENT_NAMES: "off" });
  expect(unnamed.find(({ check }) => check === "feed")).toMatchObject({
    outcome: "failed",
    remedy: expect.stringContaining("LATCHKEY_DATABASE_LISTEN_URL"),
  });
  const direct = { LATCHKEY_STATEMENT_NAMES: "off", LATCHKEY_DATABASE_LISTEN_URL: app.databaseUrl };
  expect(problems(await doctor({ ...through, ...direct }))).toEqual([]);
});

test("a lease that the registry does not have fails", async () => {
  const heartbeat = "b 0123456789abcdef01 1 61000";
  const timer = setInterval(
    () => void sql`select pg_notify('latchkey', ${heartbeat})`.execute(app.pool),
    100,
  );
  onTestFinished(() => clearInterval(timer));
  const env = { LATCHKEY_DATABASE_URL: app.databaseUrl, LATCHKEY_PORT: "0" };
  const lease = async () => (await doctor(env)).find(({ check }) => check === "lease");
  expect(await lease()).toMatchObject({
    outcome: "failed",
    what: expect.stringContaining("61 s, which is not in"),
  });
  await sql`insert into long_lease (ms, until) values (61000, now() + interval '1 minute')`.execute(app.pool);
  expect(await lease()).toMatchObject({
    outcome: "warning",
    remedy: expect.stringContaining("LATCHKEY_MAX_STALENESS"),
  });
});

test("a machine whose clock is wrong gets a finding that names the direction", async () => {
  const env = { LATCHKEY_DATABASE_URL: app.databaseUrl, LATCHKEY_PORT: "0" };
  const findings = await doctor(env, () => Date.now() - 3_600_000);
  expect(problems(findings)).toEqual([
    expect.stringMatching(/^the clock of the database is 3600\.\d s ahead of/),
  ]);
});

test("a server of another database, a server that is not ready and another program have different findings", async () => {
  const other = await createTestDatabase();
  onTestFinished(() => other.drop());
  const foreign = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(foreign, "listening");
  onTestFinished(() => void foreign.close());
  const [ready, unready] = [await serve(), await serve({ isReady: () => false })];
  const address = foreign.address();
  const ports = [
    new URL(ready.url).port,
    new URL(unready.url).port,
    `${typeof address === "object" ? address?.port : ""}`,
  ];
  const [elsewhere, starting, program] = await Promise.all(
    ports.map((port) => doctor({ LATCHKEY_DATABASE_URL: other.url, LATCHKEY_PORT: port })),
  );
  expect(problems(elsewhere ?? [])).toContain(
    `the server at ${ready.url} sends no heartbeats to this database`,
  );
  expect(problems(starting ?? [])).toContain(`the server at ${unready.url} runs, but it is not ready`);
  expect(problems(program ?? []).at(-1)).toMatch(/^another program answers at /);
});

test("a remote server is checked without settings; one with a private certificate needs its authority", async () => {
  const tls = selfSigned();
  const { url } = await serve({ tls });
  const deps = { env: { LATCHKEY_PORT: "nonsense" }, log, now: Date.now };
  const untrusted = await diagnoseRemote(deps, { url });
  expect(problems(untrusted)).toEqual([expect.stringMatching(/self-signed/)]);
  expect(untrusted.at(-1)?.remedy).toContain("--ca FILE");
  const trusted = await diagnoseRemote(deps, { url, ca: tls.cert });
  expect(outcomes(trusted)).toEqual({ versions: ["ok", "ok"], server: ["ok"], clock: ["ok"] });
});

test("a certificate that ends soon is a warning, and one that has ended or is not valid yet fails", () => {
  const tls = selfSigned();
  const at = (days: number) =>
    examineCertificate(tls, Date.now() + days * 86_400_000).map(({ what }) => what);
  expect(at(-20)).toEqual([expect.stringMatching(/ is valid from .* on, which is in the future$/)]);
  expect(at(0.01)).toEqual([expect.stringMatching(/^the certificate ends at .*, in 0 days$/)]);
  expect(at(2)).toEqual([expect.stringMatching(/^the certificate ended at /)]);
});

test("a server that still serves an earlier certificate is found", async () => {
  const folder = scratch();
  const { url } = await serve({ tls: selfSigned() });
  const renewed = selfSigned();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, renewed.cert);
  writeFileSync(key, renewed.key, { mode: 0o600 });
  const findings = await doctor({
    LATCHKEY_DATABASE_URL: app.databaseUrl,
    LATCHKEY_PORT: new URL(url).port,
    LATCHKEY_TLS_CERT: cert,
    LATCHKEY_TLS_KEY: key,
  });
  expect(problems(findings)).toContain(
    "the server serves another certificate than the one in LATCHKEY_TLS_CERT",
  );
});

test("a data directory of another program and a readable key file are findings", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "notes.txt"), "mine");
  const foreign = await doctor({ LATCHKEY_DATA_DIR: folder, LATCHKEY_PORT: "0" });
  expect(problems(foreign)).toEqual([expect.stringMatching(/has no database, but other files: "notes.txt"/)]);

  const fresh = join(folder, "fresh");
  expect(problems(await doctor({ LATCHKEY_DATA_DIR: fresh, LATCHKEY_PORT: "0" }))).toEqual([]);
  mkdirSync(join(fresh, "postgres"), { recursive: true });
  chmodSync(fresh, 0o700);
  writeFileSync(join(fresh, "postgres", "PG_VERSION"), "18\n");
  chmodSync(join(fresh, "postgres"), 0o700);
  writeFileSync(join(fresh, "platform-key"), "x", { mode: 0o644 });
  const findings = await doctor({ LATCHKEY_DATA_DIR: fresh, LATCHKEY_PORT: "0" });
  expect(problems(findings)).toEqual([
    expect.stringMatching(/platform-key has mode 0644, so other users of this machine can read it$/),
    expect.stringMatching(/verifier-key is missing$/),
  ]);
  expect(outcomes(findings)).toMatchObject({ database: ["skipped"], feed: ["skipped"] });
});
