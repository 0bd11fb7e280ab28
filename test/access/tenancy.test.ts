import { toJson } from "@bufbuild/protobuf";
import { beforeAll, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { accountIdOf, naming } from "../support/actors/acting.ts";
import { inviteOf, newName, newRole, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { call } from "../support/actors/call.ts";
import { newEmbedded } from "../support/actors/embed.ts";
import { type Clients, issueKey, newWorkspace, type Owner, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { sampled } from "../support/random.ts";
import { methods, nameOf } from "../support/schema/requests.ts";
import { type Ids, tenancy } from "../support/schema/tenancy.ts";
import { changedTables, type TableDigests, tableDigests } from "../support/stalled/tables.ts";

const app = useApp();
const prefixes = {
  account: "acct",
  key: "key",
  workspace: "ws",
  profile: "prof",
  role: "role",
  team: "team",
  serviceAccount: "sa",
  invite: "inv",
  session: "ses",
} as const;

/** An account with a resource of each kind, and its bearers with the most rights. */
interface Tenant {
  ids: Ids;
  bearers: Record<string, Clients>;
}

let caller: Tenant;
let other: Tenant;
// No call changes a table, so each call leaves what the one before it found.
let tables: TableDigests;
beforeAll(async () => {
  caller = await newTenant(await app.newAccount("Caller"));
  other = await newTenant(await app.newAccount("Other"));
  tables = await tableDigests(app.pool);
});

// In `npm test`, two of them make the calls about each field.
const bearers = [
  "an owner",
  "a * key of all workspaces",
  "a * key of one workspace",
  "a platform key that acts for the account",
  "an embed session",
];

const rows = Object.entries(tenancy).flatMap(([row, fields], at) =>
  sampled(bearers, 2, at).map((bearer) => [row, bearer, fields] as const),
);

test.each(rows)(
  "%s: another account's id looks to %s exactly like a missing one, and neither call changes anything",
  async (row, bearer, { kind, request }) => {
    const method = methods.find((one) => row.startsWith(`${nameOf(one)} `));
    const client = caller.bearers[bearer];
    if (!method || !client) throw new Error(`no method or bearer for ${row}`);
    const ask = (id: string) =>
      outcome(client, method, request(id, { ...caller.ids, token: client.token }), id);
    const missing = await ask(newId(prefixes[kind]));
    const help = "name `caller.accountId` in every query of the operation, and fail with `notFound`";
    expect(await ask(other.ids[kind]), help).toBe(missing);
    expect(changedTables(tables, await tableDigests(app.pool)), help).toEqual([]);
  },
);

test("the id prefix of a list finds nothing of another account", async () => {
  for (const client of Object.values(caller.bearers)) {
    const keys = await client.apiKeys.listApiKeys({ prefix: other.ids.key, showRevoked: true });
    expect(keys.items).toEqual([]);
    expect((await client.roles.listRoles({ prefix: other.ids.role })).items).toEqual([]);
    expect((await client.teams.listTeams({ prefix: other.ids.team })).items).toEqual([]);
    const accounts = await client.serviceAccounts.listServiceAccounts({ prefix: other.ids.serviceAccount });
    expect(accounts.items).toEqual([]);
    expect((await client.profiles.listProfiles({ prefix: other.ids.profile })).items).toEqual([]);
    const workspaces = await client.workspaceAdmin.listAccountWorkspaces({ prefix: other.ids.workspace });
    expect(workspaces.items).toEqual([]);
    expect((await client.workspaces.listWorkspaces({ prefix: other.ids.workspace })).items).toEqual([]);
  }
});

async function newTenant(owner: Owner): Promise<Tenant> {
  const workspace = await newWorkspace(owner);
  const profile = owner.profile.metadata?.id ?? "";
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId: workspace, profileId: profile });
  const key = await issueKey(owner, { initialWorkspaceIds: [workspace] });
  const all = await issueKey(owner, { spec: { permissions: ["*"], workspaceScope: WorkspaceScope.ALL } });
  const one = await issueKey(owner, { spec: { permissions: ["*"] }, initialWorkspaceIds: [workspace] });
  const role = await newRole(owner, newName(), "agents:read");
  const team = await newTeam(owner, newName(), role);
  await owner.teams.addTeamMember({ id: team, profileId: profile });
  const serviceAccount = (await newServiceAccount(owner, newName(), team)).id;
  const invited = await inviteOf(owner, { email: `${newId("user")}@example.com`, role: role });
  const [session] = (await owner.sessions.listSessions({})).items;
  return {
    ids: {
      account: owner.account.metadata?.id ?? "",
      key: key.id,
      workspace,
      profile,
      role,
      team,
      serviceAccount,
      invite: invited.id,
      session: session?.id ?? "",
    },
    bearers: {
      "an owner": owner,
      "a * key of all workspaces": app.clientAs(all.token),
      "a * key of one workspace": app.clientAs(one.token),
      "a platform key that acts for the account": naming(app, app.platformToken, accountIdOf(owner)),
      "an embed session": await newEmbedded(app, owner, { workspaceIds: [workspace] }, ["*"]),
    },
  };
}

/** Returns the exact response that a caller gets, without the id of the request. */
async function outcome(client: Clients, method: (typeof methods)[number], request: object, id: string) {
  const answer = await call(client, method, request).then(
    (response) => JSON.stringify(toJson(method.output, response)),
    async (error: unknown) => {
      const { code, message, reason, metadata, violations } = await refusal(Promise.reject(error));
      return JSON.stringify({ code, message, reason, metadata, violations });
    },
  );
  return answer.replaceAll(id, "<id>");
}
