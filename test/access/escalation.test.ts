import { sql } from "kysely";
import { expect, test } from "vitest";
import { Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { inSeconds, storedKey, systemKeyOf } from "../support/actors/api-key.ts";
import { refusal } from "../support/errors.ts";
import {
  type Attempt,
  expectRefused,
  mint,
  rotateIt,
  type Scene,
  setUp,
  update,
} from "../support/escalation/escalation.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const all = WorkspaceScope.ALL;
const hour = 3600;
const ending = { spec: { expiresAt: inSeconds(hour) } };
const stronger = { spec: { permissions: ["agents:write"] } };

const permission = (name: string) => () => ({ permission: name });
const otherWorkspace = ({ other }: Scene) => ({ workspace_id: other });
const everyWorkspace = () => ({ workspace_id: "*" });

const permissions: Attempt[] = [
  ...["agents:write", "agents:*", "*:read", "*:write", "*", "api_keys:manage", "tokens:verify"].map(
    (one) => ({
      what: `mints a key with ${one}`,
      call: ({ lesser }: Scene) => mint(lesser, { permissions: ["agents:read", one] }),
      metadata: permission(one),
    }),
  ),
  {
    what: "adds a permission to a key",
    call: (scene) => update(scene, { permissions: ["agents:read", "agents:write"] }),
    metadata: permission("agents:write"),
  },
  {
    what: "adds a permission to itself",
    call: ({ lesser }) => lesser.apiKeys.updateApiKey({ id: lesser.id, spec: { permissions: ["*"] } }),
    metadata: permission("*"),
  },
  {
    what: "rotates a key with more permissions",
    target: stronger,
    call: rotateIt,
    metadata: permission("agents:write"),
  },
  {
    what: "prolongs a key with more permissions",
    target: { spec: { ...stronger.spec, expiresAt: inSeconds(hour) } },
    call: (scene) => update(scene, { expiresAt: inSeconds(2 * hour) }),
    metadata: permission("agents:write"),
  },
];

const workspaces: Attempt[] = [
  {
    what: "mints a key for another workspace",
    call: ({ lesser, mine, other }) => mint(lesser, {}, [mine, other]),
    metadata: otherWorkspace,
  },
  {
    what: "mints a key for every workspace",
    call: ({ lesser }) => mint(lesser, { workspaceScope: all }),
    metadata: everyWorkspace,
  },
  {
    what: "widens a key to every workspace",
    call: (scene) => update(scene, { workspaceScope: all }),
    metadata: everyWorkspace,
  },
  {
    what: "rotates a key of every workspace",
    target: { spec: { workspaceScope: all } },
    call: rotateIt,
    metadata: everyWorkspace,
  },
  { what: "rotates a key of another workspace", targetIn: "other", call: rotateIt, metadata: otherWorkspace },
  {
    what: "prolongs a key of another workspace",
    target: ending,
    targetIn: "other",
    call: (scene) => update(scene, {}, ["spec.expires_at"]),
    metadata: otherWorkspace,
  },
  {
    what: "grants another workspace to a key",
    call: ({ lesser, target: { id }, other }) =>
      lesser.apiKeys.addApiKeyWorkspace({ id, workspaceId: other }),
    metadata: otherWorkspace,
  },
  {
    what: "grants another workspace to itself",
    call: ({ lesser, other }) => lesser.apiKeys.addApiKeyWorkspace({ id: lesser.id, workspaceId: other }),
    metadata: otherWorkspace,
  },
  {
    what: "makes a key a member of another workspace",
    call: ({ lesser, target: { profileId }, other }) =>
      lesser.workspaceAdmin.addWorkspaceMember({ workspaceId: other, profileId }),
    metadata: otherWorkspace,
  },
];

test.each(permissions)("a key with fewer permissions is refused when it $what", (attempt) =>
  expectRefused(app, attempt),
);

test.each(workspaces)("a key with fewer workspaces is refused when it $what", (attempt) =>
  expectRefused(app, { reason: "WORKSPACE_FORBIDDEN", ...attempt }),
);

test("a developer's session mints keys with at most the permissions and workspaces of its role", async () => {
  const { owner, mine } = await setUp(app, {});
  await sql`
    update membership m set role_id = r.id from role r
    where r.account_id = m.account_id and r.builtin = 'developer' and m.profile_id = ${owner.profile.metadata?.id}`.execute(
    app.db,
  );
  for (const one of ["*", "api_keys:manage", "workspaces:write", "tokens:verify"]) {
    expect(await refusal(mint(owner, { permissions: [one] }))).toMatchObject({
      metadata: { permission: one },
    });
  }
  expect(await refusal(mint(owner, { workspaceScope: all }))).toMatchObject({
    reason: "WORKSPACE_FORBIDDEN",
  });
  expect(await refusal(mint(owner, {}, [mine]))).toMatchObject({ reason: "WORKSPACE_FORBIDDEN" });
  await mint(owner, { permissions: ["write", "api_keys:write"], environment: Environment.TEST });
});

test("no other key can rotate a system key", async () => {
  const { owner, lesser } = await setUp(app, {
    lesser: { spec: { permissions: ["*"], workspaceScope: all } },
  });
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const before = await storedKey(app, id);
  expect((await refusal(lesser.apiKeys.rotateApiKey({ id }))).code).toMatch(
    /FailedPrecondition|PermissionDenied/,
  );
  expect(await storedKey(app, id)).toEqual(before);
});
