import { sql } from "kysely";
import { expect, test } from "vitest";
import { reportExceededBounds } from "../../src/app/bounds-report.ts";
import { readConfig } from "../../src/config/config.ts";
import { accountIdOf, naming } from "../support/actors/acting.ts";
import { joinSignedIn, newMember, newRole, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { issueKey, newWorkspace, useApp } from "../support/app.ts";

const app = useApp();

async function reported(bounds: ReturnType<typeof readConfig>["bounds"]): Promise<unknown[]> {
  const logged: unknown[] = [];
  const log = { warn: (fields: unknown) => void logged.push(fields) };
  await reportExceededBounds(app.db, bounds, log as Parameters<typeof reportExceededBounds>[2]);
  return logged;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: tells one story from beginning to end.
test("records above a bound are counted by the name of the bound, and records at the bound are not", async () => {
  const owner = await app.newAccount();
  const [a, b] = [
    await newRole(owner, "a", "x:read", "y:read", "z:read"),
    await newRole(owner, "b", "w:read"),
  ];
  const teams = [await newTeam(owner, "one", a, b), await newTeam(owner, "two", b)];
  for (const name of ["robot", "other robot"]) await newServiceAccount(owner, name, teams[0] ?? "");
  const member = await newMember(app, owner, b);
  for (const id of teams) await owner.teams.addTeamMember({ id, profileId: member.profileId });
  const workspaces = [await newWorkspace(owner), await newWorkspace(owner)];
  const { id } = await issueKey(owner, {
    metadata: { name: "key", labels: { env: "prod" } },
    spec: { permissions: ["x:read", "y:read", "z:read"] },
    initialWorkspaceIds: workspaces,
  });
  await owner.apiKeys.rotateApiKey({ id });
  const acting = naming(app, app.platformToken, accountIdOf(owner));
  for (const seconds of [60n, 60n]) await acting.apiKeys.rotateApiKey({ id, gracePeriod: { seconds } });
  for (const email of ["one@example.com", "two@example.com"]) {
    await owner.invites.createInvite({ email, role: "viewer" });
  }
  await joinSignedIn(await app.newAccount(), member, member.email, "viewer");
  await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const { bounds } = readConfig({});
  expect(await reported(bounds)).toEqual([]);
  const lower = {
    ...bounds,
    permissionsPerKey: 2,
    labelBytesPerKey: 6,
    permissionsPerRole: 2,
    rolesPerTeam: 1,
    rolesPerAccount: 5,
    teamsPerAccount: 1,
    serviceAccountsPerAccount: 1,
    teamsPerProfile: 1,
    permissionsPerPrincipal: 3,
    workspacesPerProfile: 1,
    membershipsPerUser: 1,
    accountsPerUser: 1,
    tokensPerKey: 1,
    pendingInvitesPerAccount: 1,
    gracePeriodsPerAccount: 1,
    gracePeriodsPerPlatformKey: 1,
  };
  expect(await reported(lower)).toEqual([
    {
      records: {
        permissions_per_key: 1,
        label_bytes_per_key: 1,
        permissions_per_role: 1,
        roles_per_team: 1,
        roles_per_account: 1,
        teams_per_account: 1,
        service_accounts_per_account: 1,
        teams_per_profile: 1,
        // The first team and the member. The role that the member has three times counts once.
        permissions_per_principal: 2,
        workspaces_per_profile: 1,
        memberships_per_user: 2,
        accounts_per_user: 1,
        tokens_per_key: 1,
        pending_invites_per_account: 1,
        grace_periods_per_account: 1,
        grace_periods_per_platform_key: 1,
      },
    },
  ]);
  const fits = {
    permissionsPerKey: 3,
    labelBytesPerKey: 7,
    permissionsPerRole: 3,
    rolesPerTeam: 2,
    rolesPerAccount: 6,
    teamsPerAccount: 2,
    serviceAccountsPerAccount: 2,
    teamsPerProfile: 2,
    permissionsPerPrincipal: 4,
    workspacesPerProfile: 2,
    membershipsPerUser: 2,
    accountsPerUser: 2,
    tokensPerKey: 4,
    pendingInvitesPerAccount: 2,
    gracePeriodsPerAccount: 2,
    gracePeriodsPerPlatformKey: 2,
  };
  expect(await reported(fits)).toEqual([]);
});

test("ended records do not count, and a guest counts as a member", async () => {
  const owner = await app.newAccount();
  const member = await newMember(app, owner, "viewer");
  const { id } = await issueKey(owner, { spec: { permissions: ["x:read", "y:read"] } });
  const grace = await issueKey(owner);
  for (const seconds of [0n, 60n, 60n]) {
    await owner.apiKeys.rotateApiKey({ id: grace.id, gracePeriod: { seconds } });
  }
  for (const email of ["ends-1@example.com", "ends-2@example.com"]) {
    await owner.invites.createInvite({ email, role: "viewer" });
  }
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Ends" } });
  const { bounds } = readConfig({});
  const counted = async (limits: Partial<typeof bounds>) => {
    const [report] = (await reported({ ...bounds, ...limits })) as [{ records: object }?];
    return (report?.records ?? {}) as Record<string, number>;
  };
  const lower = {
    permissionsPerKey: 1,
    accountsPerUser: 1,
    pendingInvitesPerAccount: 1,
    gracePeriodsPerAccount: 1,
    membershipsPerUser: 1,
  };
  const before = await counted(lower);
  const inAccount = (accountId = "") => app.clientAs(owner.token, { "latchkey-account": accountId });
  const accountId = owner.account.metadata?.id;
  await inAccount(accountId).apiKeys.revokeApiKey({ id });
  await inAccount(account?.metadata?.id).accounts.deleteAccount({ name: "Ends" });
  for (const [table, column] of [
    ["invite", "expires_at"],
    ["grace_period", "ends_at"],
  ] as const) {
    await sql`
      update ${sql.table(table)} set ${sql.ref(column)} = clock_timestamp() where account_id = ${accountId}`.execute(
      app.db,
    );
  }
  await sql`
    with known as (
      insert into identity (id, issuer, subject, user_id)
      select 'oidc_' || repeat('0', 64), 'https://issuer.example', 'guest', user_id
      from membership where profile_id = ${member.profileId}
      returning id
    )
    insert into guest (account_id, identity_id, profile_id)
    select p.account_id, known.id, p.id from known cross join profile p
    where p.account_id = ${account?.metadata?.id} and p.type = 'system'`.execute(app.db);
  expect(growth(before, await counted(lower))).toEqual({
    permissions_per_key: -1,
    accounts_per_user: -1,
    pending_invites_per_account: -1,
    grace_periods_per_account: -1,
    memberships_per_user: 1,
  });
});

/** Returns how much each count has grown. */
function growth(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const names = Object.keys({ ...before, ...after });
  return Object.fromEntries(names.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]));
}

test("a count that runs out of time does not stop the other counts", async () => {
  await sql`alter table team_role rename to team_role_away`.execute(app.pool);
  try {
    const { bounds } = readConfig({});
    expect(await reported({ ...bounds, permissionsPerRole: 1 })).toEqual([
      {
        records: {
          permissions_per_role: expect.any(Number),
          roles_per_team: -1,
          permissions_per_principal: -1,
        },
      },
    ]);
  } finally {
    await sql`alter table team_role_away rename to team_role`.execute(app.pool);
  }
});
