import { expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  newRobot,
  newServiceAccount,
  newServiceKey,
  permissionsOf,
  principalOf,
} from "../support/actors/actors.ts";
import { inSeconds, rotate, storedKey, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { ALL, SELECTED } = WorkspaceScope;

test("a service key rotates itself without a permission, with a grace period of at least a minute, and once per token", async () => {
  const { owner, robot } = await newRobot(app);
  const key = await newServiceKey(app, owner, robot.id);
  for (const seconds of [0, 59]) {
    expect(await refusal(rotate(key, key.id, seconds))).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field: "grace_period" }],
    });
  }
  const next = app.clientAs(await rotate(key, key.id, 60));
  expect((await principalOf(next)).keyId).toBe(key.id);
  expect(await verdictOf(app, key.token)).toBe("VALID");
  expect(await refusal(rotate(key, key.id, 60))).toMatchObject({ reason: "PERMISSION_DENIED" });
  await rotate(next, key.id, 60);
});

test("a service key without the permission cannot rotate another key, even of the same service account", async () => {
  const { owner, robot } = await newRobot(app, "agents:read");
  const [key, sibling] = [
    await newServiceKey(app, owner, robot.id),
    await newServiceKey(app, owner, robot.id),
  ];
  const application = await issueKey(owner);
  for (const id of [sibling.id, application.id, newId("key")]) {
    const before = id === sibling.id ? await storedKey(app, id) : undefined;
    expect(await refusal(rotate(key, id, 60))).toMatchObject({
      code: "PermissionDenied",
      metadata: { permission: "api_keys:write" },
    });
    if (before) expect(await storedKey(app, id)).toEqual(before);
  }
});

test("a service key cannot revoke, widen, extend or move itself, whatever its team may do", async () => {
  const { owner, robot, teamId } = await newRobot(
    app,
    "api_keys:manage",
    "service_accounts:manage",
    "agents:read",
  );
  const other = await newServiceAccount(owner, "other", teamId);
  const workspaceId = await newWorkspace(owner);
  const permissions = ["api_keys:manage", "service_accounts:manage"];
  const spec = { permissions, workspaceScope: SELECTED, expiresAt: inSeconds(3600) };
  const key = await newServiceKey(app, owner, robot.id, spec);
  const { id } = key;
  const before = await storedKey(app, id);
  const update = (more: object, paths?: string[]) =>
    key.apiKeys.updateApiKey({ id, spec: more, ...(paths && { updateMask: { paths } }) });
  const attempts: [string, () => Promise<unknown>][] = [
    ["PermissionDenied", () => key.apiKeys.revokeApiKey({ id })],
    // The team has this permission, but the list of the key does not.
    ["PermissionDenied", () => update({ permissions: [...permissions, "agents:read"] })],
    // The team lacks this permission now. A list that names it would still be wider.
    ["PermissionDenied", () => update({ permissions: [...permissions, "runs:start"] })],
    ["PermissionDenied", () => update({ permissions: ["*"] })],
    ["PermissionDenied", () => update({ workspaceScope: ALL })],
    ["PermissionDenied", () => update({ expiresAt: inSeconds(7200) })],
    ["PermissionDenied", () => update({}, ["spec.expires_at"])],
    ["PermissionDenied", () => key.apiKeys.addApiKeyWorkspace({ id, workspaceId })],
    ["InvalidArgument", () => update({ serviceAccountId: other.id })],
    ["InvalidArgument", () => update({ serviceAccountId: other.id }, ["spec.service_account_id"])],
  ];
  for (const [index, [code, attempt]] of attempts.entries()) {
    expect({ index, ...(await refusal(attempt())) }).toMatchObject({ index, code });
    expect(await storedKey(app, id)).toEqual(before);
  }
  // A narrower list is always allowed. The unchanged service account is no difference.
  await update({ serviceAccountId: robot.id, permissions: ["api_keys:manage"] });
  expect(await permissionsOf(key)).toEqual(["api_keys:manage"]);
});

test("a narrowed service key cannot give its service account a key that may later do more than itself", async () => {
  const { owner, robot } = await newRobot(app, "api_keys:write");
  const narrow = await newServiceKey(app, owner, robot.id, { permissions: ["api_keys:write"] });
  const whole = await newServiceKey(app, owner, robot.id);
  const before = await storedKey(app, whole.id);
  const denied = { code: "PermissionDenied", metadata: { permission: "*" } };
  expect(await refusal(newServiceKey(app, narrow, robot.id))).toMatchObject(denied);
  expect(await refusal(rotate(narrow, whole.id, 60))).toMatchObject(denied);
  expect(await storedKey(app, whole.id)).toEqual(before);
  const equal = await newServiceKey(app, narrow, robot.id, { permissions: ["api_keys:write"] });
  const update = narrow.apiKeys.updateApiKey({ id: equal.id, spec: { permissions: ["*"] } });
  expect(await refusal(update)).toMatchObject(denied);
  // A key with an unnarrowed list may mint an equal one.
  await newServiceKey(app, whole, robot.id);
});

test("a service key cannot mint a developer key, or a key that may do more than itself", async () => {
  const { owner, robot } = await newRobot(app, "api_keys:write", "agents:read");
  const key = await newServiceKey(app, owner, robot.id, { workspaceScope: SELECTED });
  const mint = (spec: object) => key.apiKeys.createApiKey({ metadata: { name: "x" }, spec });
  const own = { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
  expect(await refusal(mint({ kind: ApiKeyKind.DEVELOPER }))).toMatchObject({ reason: "PERMISSION_DENIED" });
  expect(await refusal(mint({ permissions: ["agents:write"] }))).toMatchObject({
    metadata: { permission: "agents:write" },
  });
  expect(await refusal(mint(own))).toMatchObject({ reason: "WORKSPACE_FORBIDDEN" });
  await mint({ ...own, workspaceScope: SELECTED });
});
