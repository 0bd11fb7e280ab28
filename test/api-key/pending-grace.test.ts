import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember, newRole, newServiceAccount, newServiceKey, newTeam } from "../support/actors/actors.ts";
import { doneTo, inSeconds, rotate, verdictOf } from "../support/actors/api-key.ts";
import { newPassword, newTwoSessions, sessionEnds } from "../support/actors/session-ends.ts";
import {
  issueKey,
  newWorkspace,
  type Owner,
  password,
  startApp,
  startBeside,
  type TestApp,
} from "../support/app.ts";
import { refusal } from "../support/errors.ts";

let app: TestApp;
let beside: TestApp;
let ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  const started = await startApp({
    LATCHKEY_MAX_GRACE_PERIODS_PER_ACCOUNT: "3",
    LATCHKEY_PASSWORD_CHANGES_PER_HOUR: "100",
  });
  const second = await startBeside(started.app);
  [app, beside, ends] = [started.app, second.app, [second.end, started.end]];
});
afterAll(async () => {
  for (const end of ends) await end();
});

/**
 * Checks the verdicts of both instances for the superseded token and the newest one. Both instances have the tokens in
 * their caches before.
 */
async function expectVerdicts({ old, newest }: { old: string; newest: string }, ofOld: "VALID" | "REVOKED") {
  for (const one of [app, beside]) {
    expect([await verdictOf(one, old), await verdictOf(one, newest)]).toEqual([ofOld, "VALID"]);
  }
}

/** Creates a key of a workspace, which a principal rotates with a grace period of an hour. */
async function rotated(by: Parameters<typeof rotate>[0], key: { id: string; token: string }) {
  const tokens = { old: key.token, newest: await rotate(by, key.id, 3600), keyId: key.id };
  await expectVerdicts(tokens, "VALID");
  return tokens;
}

const agent = (owner: Owner, workspaceId: string) =>
  issueKey(owner, { spec: { permissions: ["agents:read"] }, initialWorkspaceIds: [workspaceId] });

async function byServiceKey() {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const roleId = await newRole(owner, "rotators", "api_keys:write", "agents:read");
  const teamId = await newTeam(owner, "ci", roleId);
  const robot = await newServiceAccount(owner, "robot", teamId);
  const maker = await newServiceKey(app, owner, robot.id);
  const tokens = await rotated(maker, await agent(owner, workspaceId));
  return { owner, workspaceId, roleId, teamId, robot, maker, tokens };
}

type ByKey = Awaited<ReturnType<typeof byServiceKey>>;
const changes: Record<string, (scene: ByKey) => Promise<unknown>> = {
  "is revoked": ({ owner, maker }) => owner.apiKeys.revokeApiKey({ id: maker.id }),
  "ends its own last token": ({ maker }) => app.clientAs("").tokens.revokeToken({ token: maker.token }),
  "is disabled": ({ owner, maker }) => owner.apiKeys.disableApiKey({ id: maker.id }),
  "is narrowed": ({ owner, maker }) =>
    owner.apiKeys.updateApiKey({ id: maker.id, spec: { permissions: ["api_keys:write"] } }),
  "gets an end": ({ owner, maker }) =>
    owner.apiKeys.updateApiKey({ id: maker.id, spec: { expiresAt: inSeconds(60) } }),
  "enters fewer workspaces": ({ owner, maker }) =>
    owner.apiKeys.updateApiKey({ id: maker.id, spec: { workspaceScope: WorkspaceScope.SELECTED } }),
  "has a team whose role is narrowed": ({ owner, roleId }) =>
    owner.roles.updateRole({ id: roleId, spec: { permissions: ["api_keys:write"] } }),
  "has a team that loses the role": ({ owner, teamId }) =>
    owner.teams.updateTeam({ id: teamId, updateMask: { paths: ["spec.roles"] } }),
  "loses its service account": ({ owner, robot }) =>
    owner.serviceAccounts.deleteServiceAccount({ id: robot.id }),
};

describe("a grace period ends at once and everywhere if the key that gave it", () => {
  test.each(Object.keys(changes))("%s", async (name) => {
    const scene = await byServiceKey();
    await changes[name]?.(scene);
    await expectVerdicts(scene.tokens, "REVOKED");
  });

  test("is revoked by an operator with SQL", async () => {
    const { maker, tokens } = await byServiceKey();
    await app.db
      .updateTable("api_key")
      .set({ revoked_at: sql<Date>`clock_timestamp()` })
      .where("id", "=", maker.id)
      .execute();
    await expectVerdicts(tokens, "REVOKED");
  });
});

test("a grace period continues while the key that gave it is rotated, renamed or widened, or the rotated key narrowed", async () => {
  const { owner, maker, roleId, tokens } = await byServiceKey();
  await rotate(maker, maker.id, 60);
  await rotate(owner, maker.id);
  await owner.apiKeys.updateApiKey({ id: maker.id, metadata: { name: "renamed" } });
  const permissions = ["api_keys:write", "agents:read", "runs:start"];
  await owner.roles.updateRole({ id: roleId, spec: { permissions } });
  await owner.apiKeys.updateApiKey({
    id: tokens.keyId,
    spec: { permissions: [] },
    updateMask: { paths: ["spec.permissions"] },
  });
  await expectVerdicts(tokens, "VALID");
});

test("a grace period that ended early stays ended and is an event of the key", async () => {
  const { owner, maker, tokens } = await byServiceKey();
  await owner.apiKeys.disableApiKey({ id: maker.id });
  await owner.apiKeys.enableApiKey({ id: maker.id });
  await expectVerdicts(tokens, "REVOKED");
  expect(await doneTo(app, tokens.keyId)).toEqual(["CreateApiKey", "RotateApiKey", "DisableApiKey"]);
});

test("a key that rotated itself has one token after it is disabled and enabled", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["api_keys:write"] } });
  const tokens = await rotated(app.clientAs(key.token), key);
  await owner.apiKeys.disableApiKey({ id: key.id });
  await owner.apiKeys.enableApiKey({ id: key.id });
  await expectVerdicts(tokens, "REVOKED");
});

async function bySession() {
  const owner = await app.newAccount();
  const [workspaceId, roleId] = [
    await newWorkspace(owner),
    await newRole(owner, "rotator", "api_keys:write", "agents:read"),
  ];
  const sessions = await newTwoSessions(app, owner, roleId, [workspaceId]);
  const tokens = await rotated(sessions.maker, await agent(owner, workspaceId));
  return { ...sessions, workspaceId, roleId, tokens };
}

type BySession = Awaited<ReturnType<typeof bySession>>;
const losses: Record<string, (app: TestApp, scene: BySession) => Promise<unknown>> = {
  ...sessionEnds,
  "belongs to a person who is demoted": (_app, { owner, roleId }) =>
    owner.roles.updateRole({ id: roleId, spec: { permissions: ["api_keys:write"] } }),
  "belongs to a person who loses the workspace": (_app, { owner, workspaceId, maker: { profileId } }) =>
    owner.workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId }),
  "belongs to a person who is erased": (_app, { other }) => other.sessions.deleteUser({ password }),
};

describe("a grace period ends at once and everywhere if the session that gave it", () => {
  test.each(Object.keys(losses))("%s", async (name) => {
    const scene = await bySession();
    await losses[name]?.(app, scene);
    await expectVerdicts(scene.tokens, "REVOKED");
  });
});

test("a grace period continues after the session that gave it logs out or expires", async () => {
  const { owner, maker, tokens, sessionId } = await bySession();
  await maker.sessions.logOut({});
  await app.db
    .updateTable("session")
    .set({ expires_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", sessionId)
    .execute();
  await owner.profiles.setProfileRole({
    id: (await newMember(app, owner, "viewer")).profileId,
    role: "developer",
  });
  await expectVerdicts(tokens, "VALID");
});

test("a grace period continues if the session that gave it changes the password", async () => {
  const { maker, tokens } = await bySession();
  await maker.sessions.changePassword({ oldPassword: password, newPassword });
  await expectVerdicts(tokens, "VALID");
});

test("pending grace periods have a named bound, and a rotation without a grace period always passes", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, {});
  for (let n = 0; n < 3; n++) await rotate(owner, key.id, 3600);
  const refused = await refusal(rotate(owner, key.id, 3600));
  expect(refused).toMatchObject({
    reason: "BOUND_EXCEEDED",
    metadata: { bound: "grace_periods_per_account", limit: "3" },
  });
  await rotate(owner, key.id);
  await rotate(owner, key.id, 3600);
});

test("a change in an account without pending records looks for them once", async () => {
  const owner = await app.newAccount();
  const { id } = await issueKey(owner, {});
  const statements = await app.statementsOf(() => owner.apiKeys.disableApiKey({ id }));
  expect(statements.filter((text) => /grace_period|invite/.test(text))).toHaveLength(1);
});
