import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, type Owner, useApp } from "../../support/app.ts";

const app = useApp();
const accounts = 20;
const rolesEach = 8;
const permissionsEach = 250;
let user: Owner;
let accountIds: string[] = [];

/** Gives a user 2,000 permissions of 125 characters in each of 20 accounts, which the bounds allow. */
beforeAll(async () => {
  user = await app.newAccount();
  accountIds = [user.account.metadata?.id ?? ""];
  while (accountIds.length < accounts) {
    const { account } = await user.accounts.createAccount({
      metadata: { name: `Account ${accountIds.length}` },
    });
    accountIds.push(account?.metadata?.id ?? "");
  }
  await sql`
    with held as (
      select m.account_id, m.profile_id, 'team_' || m.account_id as team_id
      from membership m where m.account_id = any(${accountIds})
    ), made as (
      insert into team (id, account_id, name, name_key, created_by)
      select team_id, account_id, 'large', 'large', profile_id from held
    ), large as (
      insert into role (id, account_id, name, name_key, permissions, created_by)
      select 'role_' || translate(gen_random_uuid()::text, '-', ''), account_id, 'r' || r, 'r' || r, array(
        select rpad('thing_' || r || '_' || p || '_', 62, 'x') || ':' || rpad('start', 62, 'x')
        from generate_series(1, ${permissionsEach}::int) p
      ) || array['api_keys:write'], profile_id
      from held cross join generate_series(1, ${rolesEach}::int) r
      returning id, account_id
    ), roles as (
      insert into team_role (account_id, team_id, role_id) select account_id, 'team_' || account_id, id from large
    ), members as (
      insert into team_member (account_id, team_id, profile_id, created_by)
      select account_id, team_id, profile_id, profile_id from held
    )
    update membership m set role_id = r.id
    from role r
    where m.account_id = any(${accountIds}) and r.account_id = m.account_id and r.builtin = 'viewer'`.execute(
    app.db,
  );
});

test("a user with the largest roles in twenty accounts acts and is verified in each of them", async () => {
  const platform = app.clientAs(app.platformToken);
  for (const accountId of accountIds) {
    const here = app.clientAs(user.token, { "latchkey-account": accountId });
    const { principal } = await here.profiles.whoAmI({});
    expect(principal).toMatchObject({ accountId });
    expect(principal?.permissions).toHaveLength(rolesEach * permissionsEach + 2);
    await issueKey(here, { spec: { permissions: ["agents:read"] } });
    const request = { token: user.token, accountId, requiredPermissions: ["agents:read"] };
    for (const fresh of [true, false]) {
      const { verdict } = await platform.tokens.verifyToken({ ...request, fresh });
      expect(verdict).toBe(Verdict.VALID);
    }
  }
}, 60_000);
