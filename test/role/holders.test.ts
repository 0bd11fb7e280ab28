import { sql } from "kysely";
import { expect, test } from "vitest";
import { type Member, newMember, newRole, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const managing = ["roles:manage", "teams:manage", "agents:read"];
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

/** Creates an account with many teams. Each team has a service account, the returned role and eight of 80 large roles. */
async function newLargeAccount(teams: number): Promise<{ owner: Owner; role: string; caller: Member }> {
  const owner = await app.newAccount();
  const role = await newRole(owner, "held by all", "agents:read");
  const caller = await newMember(app, owner, await newRole(owner, "manager", ...managing, "runs:start"));
  const [account, by] = [idOf(owner), owner.profile.metadata?.id];
  await sql`
    with large as materialized (
      insert into role (id, account_id, name, name_key, permissions, created_by)
      select 'role_' || translate(gen_random_uuid()::text, '-', ''), ${account}, 'large' || r, 'large' || r, array(
        select 'thing_' || r || '_' || p || ':start' from generate_series(1, 240) p
      ), ${by}
      from generate_series(1, 80) r
      returning id
    ), made as materialized (
      insert into team (id, account_id, name, name_key, created_by)
      select 'team_' || translate(gen_random_uuid()::text, '-', ''), ${account}, 'team' || t, 'team' || t, ${by}
      from generate_series(1, ${teams}::int) t
      returning id
    ), given as (
      insert into team_role (account_id, team_id, role_id)
      select ${account}, made.id, ${role} from made
      union all
      select ${account}, made.id, x.id
      from made cross join lateral (select large.id from large order by md5(large.id || made.id) limit 8) x
    ), profiles as materialized (
      insert into profile (id, account_id, type, name)
      select 'prof_' || substr(id, 6), ${account}, 'service_account', id from made
      returning id
    )
    insert into service_account (id, account_id, profile_id, team_id, name, name_key, created_by)
    select 'sa_' || substr(id, 6), ${account}, id, 'team_' || substr(id, 6), id, id, ${by} from profiles`.execute(
    app.db,
  );
  return { owner, role, caller };
}

async function took(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

test("a role with 1,500 teams and service accounts is compared in less than two seconds and delays no other call", async () => {
  const { owner, role, caller } = await newLargeAccount(1_500);
  const update = { id: role, spec: { permissions: ["agents:read", "runs:start"] } };
  const measure = async () => {
    const key = await issueKey(owner, {});
    const comparison = took(async () => {
      const refused = await refusal(caller.roles.updateRole(update));
      expect(refused).toMatchObject({ reason: "WORKSPACE_FORBIDDEN", metadata: { workspace_id: "*" } });
    });
    const revocation = await took(() => owner.apiKeys.revokeApiKey({ id: key.id }));
    return { inTime: (await comparison) < 2_000 && revocation < 1_000 };
  };
  // Other work on the machine may delay one attempt.
  await expect.poll(measure).toEqual({ inTime: true });
  // A caller that reaches everything compares nothing.
  expect(await outcome(owner.roles.updateRole(update))).toBe("ok");
});

const changes: [
  what: string,
  change: (by: Clients, at: { role: string; other: string; team: string }) => Promise<unknown>,
][] = [
  [
    "role",
    (by, { role }) => by.roles.updateRole({ id: role, spec: { permissions: ["agents:read", "runs:start"] } }),
  ],
  ["replacement of a role", (by, { role, other }) => by.roles.deleteRole({ id: role, replacement: other })],
  ["team", (by, { team, other }) => by.teams.updateTeam({ id: team, spec: { roles: [other] } })],
];

test.each(changes)("a revocation does not wait for the comparison of a %s", async (_what, change) => {
  const owner = await app.newAccount();
  const role = await newRole(owner, "reader", "agents:read");
  const other = await newRole(owner, "starter", "agents:read", "runs:start");
  const team = await newTeam(owner, "readers", role);
  const { profileId } = await newMember(app, owner, role);
  await owner.teams.addTeamMember({ id: team, profileId });
  const caller = await newMember(app, owner, await newRole(owner, "manager", ...managing, "runs:start"));
  const [revoked, disabled] = [await issueKey(owner, {}), await issueKey(owner, {})];
  const held = app.holdResultOf(/as "teamRoleIds"/);
  const ended = outcome(change(caller, { role, other, team }));
  await held.answered;
  const platform = app.clientAs(app.platformToken);
  const withdrawals = [
    () => owner.apiKeys.revokeApiKey({ id: revoked.id }),
    () => owner.apiKeys.disableApiKey({ id: disabled.id }),
    () => owner.teams.removeTeamMember({ id: team, profileId }),
    () => owner.profiles.removeProfile({ id: profileId }),
    () => platform.accounts.suspendAccount({ accountId: idOf(owner) }),
  ];
  try {
    // The comparison goes on only after them.
    for (const withdraw of withdrawals) await withdraw();
  } finally {
    held.release();
  }
  // The transaction compares again if something has changed. It changes nothing if the caller has lost its rights.
  expect(await ended).toBe("ACCOUNT_SUSPENDED");
});

test("a holder that is added during the comparison of a role is compared too", async () => {
  const owner = await app.newAccount();
  const role = await newRole(owner, "reader", "agents:read");
  const caller = await newMember(app, owner, await newRole(owner, "manager", ...managing, "runs:start"));
  const held = app.holdResultOf(/as "teamRoleIds"/);
  const update = { id: role, spec: { permissions: ["agents:read", "runs:start"] } };
  const ended = outcome(caller.roles.updateRole(update));
  await held.answered;
  try {
    await newServiceAccount(owner, "robot", await newTeam(owner, "ci", role));
  } finally {
    held.release();
  }
  expect(await ended).toBe("WORKSPACE_FORBIDDEN");
});
