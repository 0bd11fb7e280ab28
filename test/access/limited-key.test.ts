import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { accountIdOf } from "../support/actors/acting.ts";
import {
  inviteOf,
  type KeyHolder,
  newMember,
  newName,
  newRole,
  newServiceKey,
  newTeam,
} from "../support/actors/actors.ts";
import { expectDeniedBy, mint as mintAs, rateLimits } from "../support/actors/limited.ts";
import { type Clients, newWorkspace, type Owner } from "../support/app.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const updateMask = { paths: ["spec.rate_limits"] };
let owner: Owner;
let robotId = "";
beforeAll(async () => {
  owner = await app.newAccount();
  const team = await newTeam(owner, newName(), "admin");
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
    metadata: { name: newName() },
    spec: { teamId: team },
  });
  robotId = serviceAccount?.metadata?.id ?? "";
});

const newEmail = () => `${crypto.randomUUID()}@example.com`;

/** Issues a service key with all permissions, which has an hourly limit. */
const newLimited = (): Promise<KeyHolder> => newServiceKey(app, owner, robotId, { rateLimits });
const newUnlimited = (): Promise<KeyHolder> => newServiceKey(app, owner, robotId);

const mint = (caller: Clients, spec?: object) => mintAs(app, caller, spec);

async function addCredits(id: string): Promise<void> {
  const accountId = accountIdOf(owner);
  await sql`insert into credit (id, account_id, remaining) values (${id}, ${accountId}, 1000000)`.execute(
    app.db,
  );
}

test("a key with limits makes only keys that draw on its own counters, and so do those keys", async () => {
  const root = await newLimited();
  const child = await mint(root);
  const grandchild = await mint(child);
  expect([child.limitedBy, grandchild.limitedBy]).toEqual([root.id, root.id]);
  const service = { kind: ApiKeyKind.SERVICE, serviceAccountId: robotId };
  expect((await mint(root, service)).limitedBy).toBe(root.id);
  for (const caller of [root, child]) {
    const { violations } = await refusal(mint(caller, { rateLimits }));
    expect(violations.map(({ field }) => field)).toEqual(["spec.rate_limits"]);
  }
  const { items } = await owner.audit.listAuditEvents({ resourceId: grandchild.id });
  expect(items).toMatchObject([{ after: { limited_by_key_id: root.id, rate_limits: [] } }]);
  expect((await mint(await newUnlimited())).limitedBy).toBe("");
});

test("a key with limits has limits of its own or draws on another key, so not even an owner sets limits of its children", async () => {
  const root = await newLimited();
  const child = await mint(root);
  const { violations } = await refusal(owner.apiKeys.updateApiKey({ id: child.id, spec: { rateLimits } }));
  expect(violations.map(({ field }) => field)).toEqual(["spec.rate_limits"]);
});

test("a key with limits changes no limits: not its own, and not those of its children or of other keys", async () => {
  const root = await newLimited();
  const [child, other, plain] = [await mint(root), await newLimited(), await newUnlimited()];
  const tighter = [{ ...rateLimits[0], limit: 1_000 }];
  for (const caller of [root, child]) {
    for (const id of [root.id, other.id, plain.id]) {
      await expectDeniedBy(root.id, [
        () => caller.apiKeys.updateApiKey({ id, spec: { rateLimits: tighter } }),
      ]);
    }
    await expectDeniedBy(root.id, [() => caller.apiKeys.updateApiKey({ id: root.id, updateMask })]);
  }
});

test("a key with limits cannot rotate, widen or enable a key that does not draw on its counters", async () => {
  const root = await newLimited();
  const weak = { permissions: ["*:read"] };
  const workspaceId = await newWorkspace(owner, newName());
  const selected = await mint(owner, { workspaceScope: WorkspaceScope.SELECTED });
  for (const { id } of [await mint(owner, weak), await mint(await newLimited(), weak)]) {
    await owner.apiKeys.disableApiKey({ id });
    await expectDeniedBy(root.id, [
      () => root.apiKeys.rotateApiKey({ id }),
      () => root.apiKeys.enableApiKey({ id }),
      () => root.apiKeys.updateApiKey({ id, spec: { permissions: ["*"] } }),
    ]);
  }
  await expectDeniedBy(root.id, [() => root.apiKeys.addApiKeyWorkspace({ id: selected.id, workspaceId })]);
});

test("a key with limits rotates, widens and enables the keys that draw on its counters, and narrows any key", async () => {
  const root = await newLimited();
  const child = await mint(root, { permissions: ["agents:read"] });
  const sibling = await mint(root);
  const { apiKey } = await root.apiKeys.rotateApiKey({ id: root.id, gracePeriod: { seconds: 60n } });
  const rotated = app.clientAs(apiKey?.spec?.token ?? "");
  await rotated.apiKeys.updateApiKey({ id: child.id, spec: { permissions: ["agents:write"] } });
  await sibling.apiKeys.rotateApiKey({ id: child.id });
  await sibling.apiKeys.disableApiKey({ id: child.id });
  await sibling.apiKeys.enableApiKey({ id: child.id });
  const plain = await mint(owner, { permissions: ["*:read", "agents:write"] });
  await rotated.apiKeys.updateApiKey({ id: plain.id, spec: { permissions: ["*:read"] } });
  await rotated.apiKeys.revokeApiKey({ id: plain.id });
});

test("a key with limits makes and widens no people, invites, roles, teams and service accounts", async () => {
  const root = await newLimited();
  const member = await newMember(app, owner, "viewer");
  const [role, team] = [await newRole(owner, newName(), "agents:read"), await newTeam(owner, newName())];
  const workspaceId = await newWorkspace(owner, newName());
  const teamId = await newTeam(owner, newName());
  const metadata = { name: newName() };
  await expectDeniedBy(root.id, [
    () => inviteOf(root, { email: newEmail(), role: "viewer" }),
    () => root.roles.createRole({ metadata, spec: { permissions: ["agents:read"] } }),
    () => root.roles.updateRole({ id: role, spec: { permissions: ["agents:write"] } }),
    () => root.teams.createTeam({ metadata, spec: { roles: ["viewer"] } }),
    () => root.teams.updateTeam({ id: team, spec: { roles: ["viewer"] } }),
    () => root.serviceAccounts.createServiceAccount({ metadata, spec: { teamId } }),
    () => root.profiles.setProfileRole({ id: member.profileId, role: "developer" }),
    () => root.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: member.profileId }),
  ]);
});

test("a key with credits counts as a key with limits", async () => {
  const root = await newUnlimited();
  const before = await mint(root);
  await addCredits(root.id);
  await expect.poll(async () => (await mint(root)).limitedBy).toBe(root.id);
  await expectDeniedBy(root.id, [() => root.apiKeys.rotateApiKey({ id: before.id })]);
});

test("an owner frees a key and its children by removing the limits, and limits them again", async () => {
  const root = await newLimited();
  const child = await mint(root);
  await owner.apiKeys.updateApiKey({ id: root.id, updateMask });
  expect((await mint(root)).limitedBy).toBe("");
  expect((await mint(child)).limitedBy).toBe("");
  await mint(child, { rateLimits });
  await owner.apiKeys.updateApiKey({ id: root.id, spec: { rateLimits } });
  expect((await mint(child)).limitedBy).toBe(root.id);
  await owner.apiKeys.revokeApiKey({ id: root.id });
  expect((await mint(child)).limitedBy).toBe(root.id);
});

test("a key that is limited while its child creates a key limits that key too", async () => {
  const root = await newLimited();
  const child = await mint(root);
  await owner.apiKeys.updateApiKey({ id: root.id, updateMask });
  const limits = JSON.stringify([{ name: "hour", limit: 1_000_000, period_ms: 3_600_000, cost: 1 }]);
  const { minting } = await app.db.transaction().execute(async (tx) => {
    await sql`update api_key set rate_limits = ${limits} where id = ${root.id}`.execute(tx);
    const minting = mint(child);
    await untilWaiting(app.db, 1);
    return { minting };
  });
  expect((await minting).limitedBy).toBe(root.id);
});

describe("after its maker got limits,", () => {
  test("an invite cannot be accepted any more", async () => {
    const maker = await newUnlimited();
    const { invite } = await maker.invites.createInvite({
      email: newEmail(),
      role: "viewer",
    });
    await owner.apiKeys.updateApiKey({ id: maker.id, spec: { rateLimits } });
    const token = invite?.spec?.token ?? "";
    const call = app.clientAs("").invites.acceptInvite({
      id: invite?.metadata?.id ?? "",
      token,
      name: "Late",
      password: "a long password for one person",
    });
    expect(await refusal(call)).toMatchObject({ reason: "PERMISSION_DENIED" });
  });

  test("the grace period of another key that it rotated ends", async () => {
    const maker = await newUnlimited();
    const [rotated, own] = [await mint(owner), await newUnlimited()];
    for (const { id } of [rotated, own]) {
      await maker.apiKeys.rotateApiKey({ id, gracePeriod: { seconds: 3_600n } });
    }
    await rotated.profiles.whoAmI({});
    await owner.apiKeys.updateApiKey({ id: maker.id, spec: { rateLimits } });
    expect(await refusal(rotated.profiles.whoAmI({}))).toMatchObject({ reason: "REVOKED_API_KEY" });
  });
});
