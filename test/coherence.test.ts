import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VerdictSchema } from "../gen/latchkey/v1/verdict_pb.ts";
import {
  type Clients,
  issueKey,
  newWorkspace,
  type Owner,
  password,
  startApp,
  startBeside,
  type TestApp,
} from "./support/app.ts";
import {
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "./support/organisation.ts";

let one: TestApp;
let other: TestApp;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const first = await startApp();
  const second = await startBeside(first.app);
  ends.push(second.end, first.end);
  one = first.app;
  other = second.app;
});
afterAll(async () => {
  for (const end of ends) await end();
});

type Question = Omit<Parameters<Clients["tokens"]["verifyToken"]>[0], "$typeName">;

async function verdictAt(app: TestApp, question: Question): Promise<string> {
  const { verdict } = await app.clientAs(one.platformToken).tokens.verifyToken(question);
  return VerdictSchema.value[verdict]?.localName ?? "";
}

/** What an instance says of a token, from memory: it was asked before, and asks nobody now. */
async function remembered(app: TestApp, question: Question): Promise<string> {
  await verdictAt(app, question);
  let verdict = "";
  const statements = await app.statementsOf(async () => {
    verdict = await verdictAt(app, question);
  });
  expect(statements).toEqual([]);
  return verdict;
}

test("no verification that begins after RevokeApiKey returned accepts the key, at any instance", async () => {
  const owner = await one.newAccount();
  for (let round = 0; round < 30; round++) {
    const { id, token } = await issueKey(owner);
    for (const app of [one, other]) expect(await remembered(app, { token })).toBe("VALID");
    const by = round % 2 === 0 ? owner : other.clientAs(owner.token);
    await by.apiKeys.revokeApiKey({ id });
    for (const app of [one, other]) expect(await verdictAt(app, { token })).toBe("REVOKED");
  }
});

/** Something that is taken from a bearer through one instance: what the other says of it before and after. */
interface Taking {
  question: Question;
  before?: string;
  take(): Promise<unknown>;
  after: string;
}

const accountOf = (owner: Owner) => owner.account.metadata?.id ?? "";

const takings: Record<string, (owner: Owner) => Promise<Taking>> = {
  async RevokeApiKeys(owner) {
    const { token } = await issueKey(owner, { metadata: { name: "one of many", labels: { lot: "7" } } });
    const take = () => owner.apiKeys.revokeApiKeys({ filter: { labels: "lot=7" } });
    return { question: { token }, take, after: "REVOKED" };
  },
  async DisableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { question: { token }, take: () => owner.apiKeys.disableApiKey({ id }), after: "DISABLED" };
  },
  async EnableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    await owner.apiKeys.disableApiKey({ id });
    const take = () => owner.apiKeys.enableApiKey({ id });
    return { question: { token }, before: "DISABLED", take, after: "VALID" };
  },
  async RotateApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { question: { token }, take: () => owner.apiKeys.rotateApiKey({ id }), after: "REVOKED" };
  },
  async UpdateApiKey(owner) {
    const { id, token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
    const update = { id, spec: { permissions: [] }, updateMask: { paths: ["spec.permissions"] } };
    const question = { token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.apiKeys.updateApiKey(update), after: "PERMISSION_DENIED" };
  },
  async RevokeToken(owner) {
    const { token } = await issueKey(owner);
    return { question: { token }, take: () => owner.tokens.revokeToken({ token }), after: "REVOKED" };
  },
  async RemoveApiKeyWorkspace(owner) {
    const workspaceId = await newWorkspace(owner, "taken");
    const { id, token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const take = () => owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
    return { question: { token, workspaceId }, take, after: "WORKSPACE_FORBIDDEN" };
  },
  async ArchiveWorkspace(owner) {
    await newWorkspace(owner, "stays");
    const workspaceId = await newWorkspace(owner, "archived");
    const { token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const take = () => owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    return { question: { token, workspaceId }, take, after: "WORKSPACE_ARCHIVED" };
  },
  async UpdateRole(owner) {
    const { key, roleId } = await serviceKey(owner);
    const update = { id: roleId, spec: { permissions: ["runs:read"] } };
    const question = { token: key.token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.roles.updateRole(update), after: "PERMISSION_DENIED" };
  },
  async UpdateTeam(owner) {
    const { key, teamId } = await serviceKey(owner);
    const update = { id: teamId, spec: { roles: [] }, updateMask: { paths: ["spec.roles"] } };
    const question = { token: key.token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.teams.updateTeam(update), after: "PERMISSION_DENIED" };
  },
  async DeleteServiceAccount(owner) {
    const { key, robotId } = await serviceKey(owner);
    const take = () => owner.serviceAccounts.deleteServiceAccount({ id: robotId });
    return { question: { token: key.token }, take, after: "REVOKED" };
  },
  async RemoveTeamMember(owner) {
    const member = await newMember(one, owner, "viewer");
    const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, "developer");
    const membership = { id: teamId, profileId: member.profileId };
    await owner.teams.addTeamMember(membership);
    const question = {
      token: member.token,
      accountId: accountOf(owner),
      requiredPermissions: ["agents:write"],
    };
    return { question, take: () => owner.teams.removeTeamMember(membership), after: "PERMISSION_DENIED" };
  },
  async SetProfileRole(owner) {
    const member = await newMember(one, owner, "developer");
    const question = { token: member.token, requiredPermissions: ["agents:write"] };
    const take = () => owner.profiles.setProfileRole({ id: member.profileId, role: "viewer" });
    return { question, take, after: "PERMISSION_DENIED" };
  },
  async RemoveProfile(owner) {
    const member = await newMember(one, owner, "developer");
    const key = await newDeveloperKey(one, member);
    const take = () => owner.profiles.removeProfile({ id: member.profileId });
    return { question: { token: key.token }, take, after: "REVOKED" };
  },
  async "RemoveProfile, of a session"(owner) {
    const member = await newMember(one, owner, "developer");
    const question = { token: member.token, accountId: accountOf(owner) };
    const take = () => owner.profiles.removeProfile({ id: member.profileId });
    return { question, take, after: "ACCOUNT_MISMATCH" };
  },
  async SuspendAccount(owner) {
    const { token } = await issueKey(owner);
    const take = () =>
      one.clientAs(one.platformToken).accounts.suspendAccount({ accountId: accountOf(owner) });
    return { question: { token }, take, after: "ACCOUNT_SUSPENDED" };
  },
  async SetEntitlements(owner) {
    const platform = one.clientAs(one.platformToken).accounts;
    const { token } = await issueKey(owner);
    await platform.setEntitlements({ accountId: accountOf(owner), entitlements: ["realtime"] });
    const take = () => platform.setEntitlements({ accountId: accountOf(owner), entitlements: [] });
    return { question: { token, requiredEntitlements: ["realtime"] }, take, after: "ENTITLEMENT_REQUIRED" };
  },
  async LogOut(owner) {
    const { token } = await one.clientAs("").sessions.logIn({ email: owner.email, password });
    return { question: { token }, take: () => one.clientAs(token).sessions.logOut({}), after: "REVOKED" };
  },
  async ChangePassword(owner) {
    const { token } = await one.clientAs("").sessions.logIn({ email: owner.email, password });
    const change = { oldPassword: password, newPassword: `${password} again` };
    return { question: { token }, take: () => owner.sessions.changePassword(change), after: "REVOKED" };
  },
  async DeleteAccount(owner) {
    const { token } = await issueKey(owner);
    const take = () => owner.accounts.deleteAccount({ name: owner.account.metadata?.name ?? "" });
    return { question: { token }, take, after: "ACCOUNT_SUSPENDED" };
  },
};

async function serviceKey(owner: Owner) {
  const roleId = await newRole(owner, `role ${crypto.randomUUID()}`, "agents:read");
  const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, roleId);
  const { id: robotId } = await newServiceAccount(owner, `robot ${crypto.randomUUID()}`, teamId);
  const key = await newServiceKey(one, owner, robotId);
  return { key, roleId, teamId, robotId };
}

describe("what is changed through one instance holds at the other when the call returns", () => {
  test.each(Object.keys(takings))("%s", async (name) => {
    const owner = await one.newAccount();
    const taking = await takings[name]?.(owner);
    if (!taking) throw new Error(`no taking ${name}`);
    expect(await remembered(other, taking.question)).toBe(taking.before ?? "VALID");
    await taking.take();
    expect(await verdictAt(other, taking.question)).toBe(taking.after);
  });
});

test("a repeat that finds nothing to change returns when the change holds everywhere", async () => {
  const owner = await one.newAccount();
  const elsewhere = other.clientAs(owner.token);
  for (let round = 0; round < 20; round++) {
    const lot = `${round}`;
    const { id, token } = await issueKey(owner, { metadata: { name: "twice", labels: { lot } } });
    expect(await remembered(one, { token })).toBe("VALID");
    const filter = { labels: `lot=${lot}` };
    const both =
      round % 2 === 0
        ? [owner.apiKeys.revokeApiKey({ id }), elsewhere.apiKeys.revokeApiKey({ id })]
        : [owner.apiKeys.revokeApiKeys({ filter }), elsewhere.apiKeys.revokeApiKeys({ filter })];
    // Whichever was second changed nothing.
    await Promise.any(both);
    expect(await verdictAt(one, { token })).toBe("REVOKED");
    await Promise.all(both);
  }
});

test("fresh is answered by a statement, and what is remembered by none", async () => {
  const owner = await one.newAccount();
  const { token } = await issueKey(owner);
  expect(await remembered(one, { token })).toBe("VALID");
  const statements = await one.statementsOf(() => verdictAt(one, { token, fresh: true }));
  expect(statements).toHaveLength(1);
});

test("unknown tokens are asked about again and again, and remembered by nobody", async () => {
  const owner = await one.newAccount();
  const { id, token } = await issueKey(owner);
  await one.db.deleteFrom("api_key_token").where("api_key_id", "=", id).execute();
  const statements = await one.statementsOf(async () => {
    for (let i = 0; i < 2; i++) expect(await verdictAt(one, { token })).toBe("INVALID");
  });
  expect(statements.length).toBeLessThanOrEqual(2);
});
