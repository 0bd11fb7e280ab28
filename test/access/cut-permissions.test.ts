import { describe, expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { narrow, narrowed } from "../../src/domain/access/permission.ts";
import {
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
} from "../support/actors/actors.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

// A key with many `*:verb`, whose service account has many `resource:*`. The server does not expand all pairs of them.

const everyVerb = numbered("thing", 150).map((name) => `${name}:*`);
const everyResource = numbered("do", 12).map((verb) => `*:${verb}`);
const expanded = narrow(everyResource, everyVerb);
/** The resources of which the key gets something at first. */
const reached = [...new Set(expanded.map((one) => one.split(":")[0] ?? ""))];

const app = useSharedApp();

/** A service account, and a person who may do everything that a key of it gets at first, but not everything in its list. */
async function scene() {
  const owner = await app.newAccount();
  const big = await newRole(owner, "big", ...everyVerb);
  const robot = await newServiceAccount(owner, "robot", await newTeam(owner, "big", big));
  const managing = ["api_keys:manage", "roles:manage", "teams:manage"];
  const lesser = await newRole(owner, "lesser", ...reached.map((name) => `${name}:*`), ...managing);
  const member = await newMember(app, owner, lesser);
  const spec = { permissions: everyResource, workspaceScope: WorkspaceScope.SELECTED };
  return { owner, big, robot, member, spec };
}

describe("a person who holds what a key reaches now, but not what it reaches after its owner has lost something,", () => {
  test("can neither mint nor rotate the key", async () => {
    const { owner, big, robot, member, spec } = await scene();
    expect(reached.length).toBeLessThan(everyVerb.length);
    const key = await newServiceKey(app, owner, robot.id, spec);
    const own = { ...spec, kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
    for (const call of [
      () => issueKey(member, { spec: own }),
      () => member.apiKeys.rotateApiKey({ id: key.id }),
    ]) {
      expect(await refusal(call())).toMatchObject({ reason: "PERMISSION_DENIED" });
    }
    // The key gets entries that it lacked, although the role has lost one.
    const before = await permissionsOf(key);
    await member.roles.updateRole({ id: big, spec: { permissions: everyVerb.slice(1) } });
    const after = await permissionsOf(key);
    expect(after.filter((one) => !before.includes(one)).length).toBeGreaterThan(0);
  });

  test("can shorten its lifetime, but cannot replace its list", async () => {
    const { owner, robot, member, spec } = await scene();
    const { id } = await newServiceKey(app, owner, robot.id, spec);
    const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3_600) };
    await member.apiKeys.updateApiKey({
      id,
      spec: { expiresAt },
      updateMask: { paths: ["spec.expires_at"] },
    });
    const permissions = everyResource.slice(1);
    expect(await refusal(member.apiKeys.updateApiKey({ id, spec: { permissions } }))).toMatchObject({
      reason: "PERMISSION_DENIED",
    });
  });
});

test("the most that two lists allow is what they allow now, unless entries are left out", () => {
  expect(narrowed(everyResource, everyVerb)).toEqual({ now: expanded, most: everyResource.toSorted() });
  const few = everyVerb.slice(0, 10);
  expect(narrowed(everyResource, few)).toEqual({
    now: narrow(everyResource, few),
    most: narrow(everyResource, few),
  });
});

function numbered(name: string, length: number): string[] {
  // All names have the same length, so this is the order in which the server stores them.
  return Array.from({ length }, (_, n) => `${name}_${n + 100}`);
}
