import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import {
  joinSignedIn,
  newDeveloperKey,
  newMember,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
} from "../support/actors/actors.ts";
import { rotate, systemKeyOf } from "../support/actors/api-key.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const profileOf = (owner: Owner) => owner.profile.metadata?.id ?? "";
const setRole = (by: Clients, id: string, role: string) => by.profiles.setProfileRole({ id, role });
const remove = (by: Clients, id: string) => by.profiles.removeProfile({ id });

async function ownersOf(owner: Clients): Promise<string[]> {
  const { items } = await owner.profiles.listProfiles({ includeInfo: true, sortOrder: "asc" });
  return items.filter(({ info }) => info?.role === "owner").map(({ metadata }) => metadata?.id ?? "");
}

test("only an owner's session creates, changes or removes an owner, regardless of other permissions", async () => {
  const owner = await app.newAccount();
  const team = await newTeam(owner, "admins", "admin");
  const robot = await newServiceAccount(owner, "robot", team);
  const all = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
  const system = await rotate(owner, await systemKeyOf(app, owner.account.metadata?.id ?? ""));
  const admin = await newMember(app, owner, "admin");
  const viewer = await newMember(app, owner, "viewer");
  const others: Record<string, Clients> = {
    "an admin": admin,
    "an owner's developer key": await newDeveloperKey(app, owner),
    "a service key": await newServiceKey(app, owner, robot.id),
    "an application key": app.clientAs((await issueKey(owner, { spec: all })).token),
    "the system key": app.clientAs(system),
  };
  for (const [who, by] of Object.entries(others)) {
    for (const call of [
      () => setRole(by, viewer.profileId, "owner"),
      () => setRole(by, admin.profileId, "owner"),
      () => setRole(by, profileOf(owner), "viewer"),
      () => remove(by, profileOf(owner)),
      () => by.invites.createInvite({ email: "new.owner@example.com", role: "owner" }),
    ]) {
      expect({ who, ...(await refusal(call())) }).toMatchObject({
        who,
        code: "PermissionDenied",
        reason: "PERMISSION_DENIED",
        metadata: { permission: "*" },
      });
    }
  }
  expect(await ownersOf(owner)).toEqual([profileOf(owner)]);
});

test("an owner creates, changes and removes owners, and an invite may create one", async () => {
  const owner = await app.newAccount();
  const second = await newMember(app, owner, "owner");
  const third = await newMember(app, owner, "viewer");
  await setRole(second, third.profileId, "OWNER");
  expect(await ownersOf(owner)).toEqual([profileOf(owner), second.profileId, third.profileId]);
  await setRole(third, profileOf(owner), "viewer");
  await remove(third, second.profileId);
  expect(await ownersOf(third)).toEqual([third.profileId]);
  expect(await permissionsOf(owner)).toEqual(["*:read"]);
});

test("the last owner cannot leave, be removed or be demoted, and keeps everything else too", async () => {
  const owner = await app.newAccount();
  await newMember(app, owner, "admin");
  const key = await newDeveloperKey(app, owner);
  const id = profileOf(owner);
  for (const call of [
    () => remove(owner, id),
    ...["admin", "viewer"].map((role) => () => setRole(owner, id, role)),
  ]) {
    expect(await refusal(call())).toMatchObject({
      code: "FailedPrecondition",
      reason: "LAST_OWNER",
      metadata: { account_id: owner.account.metadata?.id },
    });
  }
  expect(await permissionsOf(key)).toEqual(["*"]);
  // An unchanged role is not a demotion.
  await setRole(owner, id, "owner");
  const second = await newMember(app, owner, "owner");
  await remove(owner, id);
  expect(await outcome(remove(second, second.profileId))).toBe("LAST_OWNER");
});

test("an owner who left and returned with another role is not an owner", async () => {
  const owner = await app.newAccount();
  const second = await newMember(app, owner, "owner");
  await remove(owner, second.profileId);
  const id = await joinSignedIn(owner, second, second.email, "admin");
  expect(await outcome(setRole(second, id, "owner"))).toBe("PERMISSION_DENIED");
  expect(await outcome(remove(second, profileOf(owner)))).toBe("PERMISSION_DENIED");
});

// Each of the last two owners makes a call at the same moment. Each call would end the rank of an owner.
const atOnce: [string, (a: Clients, b: Clients, ids: [string, string]) => Promise<unknown>[]][] = [
  ["remove each other", (a, b, [ida, idb]) => [remove(a, idb), remove(b, ida)]],
  ["leave", (a, b, [ida, idb]) => [remove(a, ida), remove(b, idb)]],
  ["demote each other", (a, b, [ida, idb]) => [setRole(a, idb, "viewer"), setRole(b, ida, "viewer")]],
  ["demote themselves", (a, b, [ida, idb]) => [setRole(a, ida, "viewer"), setRole(b, idb, "viewer")]],
  [
    "go, one by leaving and one by demotion",
    (a, b, [ida, idb]) => [remove(a, ida), setRole(b, idb, "viewer")],
  ],
];

test.each(atOnce)("when the last two owners %s at once, one stays owner", async (_, start) => {
  const first = await app.newAccount();
  const second = await newMember(app, first, "owner");
  const ids: [string, string] = [profileOf(first), second.profileId];
  const outcomes = await Promise.all(start(first, second, ids).map(outcome));
  expect(outcomes).toContain("ok");
  expect(outcomes.filter((one) => one !== "ok")).toHaveLength(1);
  const { rows } = await owners(first.account.metadata?.id ?? "");
  expect(rows).toHaveLength(1);
});

test("one of many owners who leave concurrently stays", async () => {
  const first = await app.newAccount();
  const more = [];
  for (let made = 0; made < 4; made++) more.push(await newMember(app, first, "owner"));
  const calls = [remove(first, profileOf(first)), ...more.map((one) => remove(one, one.profileId))];
  const outcomes = await Promise.all(calls.map(outcome));
  expect(outcomes.toSorted()).toEqual(["LAST_OWNER", "ok", "ok", "ok", "ok"]);
  expect((await owners(first.account.metadata?.id ?? "")).rows).toHaveLength(1);
});

async function owners(accountId: string) {
  const rows = await app.db
    .selectFrom("membership")
    .innerJoin("role", "role.id", "membership.role_id")
    .select("membership.profile_id")
    .where("membership.account_id", "=", accountId)
    .where("role.builtin", "=", "owner")
    .execute();
  return { rows };
}
