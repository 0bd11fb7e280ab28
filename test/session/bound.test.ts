import { sql } from "kysely";
import { expect, test } from "vitest";
import { isUnavailable } from "../../src/db/errors.ts";
import { type Owner, password } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

/** Inserts live sessions of a user by SQL, older than every other one. */
async function makeSessions(owner: Owner, count: number): Promise<void> {
  await sql`
    insert into session (id, user_id, hash, expires_at)
    select 'ses_00000000000000000000' || lpad(n::text, 6, '0'), u.id, sha256(convert_to(u.id || n, 'UTF8')), now() + interval '1 day'
    from "user" u, generate_series(1, ${count}::integer) n where u.email = ${owner.email}`.execute(app.db);
}

async function liveSessions(owner: Owner): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from session s join "user" u on u.id = s.user_id
    where u.email = ${owner.email} and s.ended_at is null`.execute(app.db);
  return rows[0]?.count ?? 0;
}

test("a user has at most 100 live sessions, and a log-in ends the oldest ones", async () => {
  const owner = await app.newAccount();
  await makeSessions(owner, 120);
  const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  expect(await liveSessions(owner)).toBe(100);
  await app.clientAs(token).sessions.listSessions({});
  // The newest sessions stay.
  await owner.profiles.whoAmI({});
});

test("a user with many sessions in many accounts can end all others in one call", async () => {
  const owner = await app.newAccount();
  for (let n = 2; n <= 20; n++) await owner.accounts.createAccount({ metadata: { name: `Account ${n}` } });
  await sql`delete from session where id like ${"ses_0000000000%"}`.execute(app.db);
  await makeSessions(owner, 300);
  await owner.sessions.revokeSession({ allOthers: true });
  expect(await liveSessions(owner)).toBe(1);
});

test("a statement that Postgres can never accept does not count as an unreachable database", () => {
  const error = (code: string) => Object.assign(new Error("refused"), { code });
  expect(isUnavailable(error("08P01"))).toBe(false);
  expect(isUnavailable(error("08006"))).toBe(true);
});
