import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { explainOpening } from "../../db/errors.ts";
import { checkCompatible } from "../../db/migrate.ts";
import { hasPlatform } from "../../domain/account/bootstrap.ts";
import { type Finding, failed, messageOf, ok, warning } from "./finding.ts";

const check = "database";

/** The findings about a database, and whether it can be used for further checks. */
export interface DatabaseReport {
  findings: Finding[];
  usable: boolean;
}

/** Checks that the database is reachable, new enough and the primary, is migrated, and has a platform account. */
export async function examineDatabase(db: Db, url: string, statementNames: boolean): Promise<DatabaseReport> {
  try {
    if (statementNames) await useNamedStatement(db);
    const { rows } = await sql<{ version: string; standby: boolean }>`
      select current_setting('server_version') as version, pg_is_in_recovery() as standby`.execute(db);
    const [{ version, standby } = { version: "", standby: false }] = rows;
    const host = decodeURIComponent(new URL(url).host);
    if (standby) return { findings: [onStandby(host)], usable: false };
    const pending = await checkCompatible(db);
    const found = ok(check, `Postgres ${version.split(" ", 1)[0]} at ${host} is the primary`);
    return { findings: [found, ...(await contents(db, pending))], usable: true };
  } catch (error) {
    return { findings: [unusable(messageOf(explainOpening(error, url)))], usable: false };
  }
}

// Behind an old connection pooler, two connections that share a session collide.
async function useNamedStatement(db: Db): Promise<void> {
  const named = () => sql`select ${"named"}::text as statement`.execute(db);
  await Promise.all([named(), named(), named(), named()]);
}

async function contents(db: Db, pending: readonly string[]): Promise<Finding[]> {
  if (pending.length > 0) {
    const what = `${pending.length} migrations are pending, from ${pending[0]} on`;
    const remedy = "Run `latchkey migrate`, or start the server: `latchkey serve` applies them first.";
    return [warning(check, { what, why: "This version cannot serve before they are applied.", remedy })];
  }
  if (await hasPlatform(db))
    return [ok(check, "all migrations are applied, and the platform account exists")];
  const what = "the database has no platform account";
  const why = "No service can verify tokens of all accounts.";
  const remedy = "Run `latchkey bootstrap --out platform-key --verifier-out verifier-key`.";
  return [warning(check, { what, why, remedy })];
}

function onStandby(host: string): Finding {
  const what = `the Postgres at ${host} is a standby`;
  const why = "A standby takes no changes, sends no notifications, and may show old data.";
  const remedy =
    "Let LATCHKEY_DATABASE_URL lead to the primary. docs/operations.md describes Patroni and PgBouncer.";
  return failed(check, { what, why, remedy });
}

function unusable(what: string): Finding {
  const remedies: [RegExp, string][] = [
    [/outgrown|Postgres \d+ or newer/, "Update the program that the message names."],
    [
      /prepared statement/,
      "Set LATCHKEY_STATEMENT_NAMES to off: the connection pooler does not support named statements.",
    ],
    [/ was migrated by something else/, "Use a database that nothing else uses."],
  ];
  const [, remedy] = remedies.find(([pattern]) => pattern.test(what)) ?? [];
  return failed(check, {
    what,
    why: "The server cannot start, or answers no call.",
    remedy: remedy ?? "Check LATCHKEY_DATABASE_URL, whether Postgres runs, and the firewall between.",
  });
}
