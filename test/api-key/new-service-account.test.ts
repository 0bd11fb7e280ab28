import type { MessageInitShape } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import {
  newDeveloperKey,
  newMember,
  newName,
  newRole,
  newServiceAccount,
  newTeam,
  permissionsOf,
} from "../support/actors/actors.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { watchTrips } from "../support/database/trips.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
type Request = Partial<MessageInitShape<typeof CreateApiKeyRequestSchema>>;
let owner: Owner;
let teamId = "";
beforeAll(async () => {
  owner = await app.newAccount();
  teamId = await newTeam(owner, "ci", await newRole(owner, "ci", "agents:write", "runs:start"));
});

const service = { kind: ApiKeyKind.SERVICE };
const requestOf = (more: Request = {}) => ({
  metadata: { name: "deploy key" },
  spec: service,
  serviceAccount: { name: newName(), teamId },
  ...more,
});
const accounts = async (one: Owner = owner) => (await one.serviceAccounts.listServiceAccounts({})).items;

test("a key and its new service account exist after one call, and the key may do what the team may do", async () => {
  const name = newName();
  const { spec, token } = await issueKey(owner, requestOf({ serviceAccount: { name: ` ${name} `, teamId } }));
  const { serviceAccount } = await owner.serviceAccounts.getServiceAccount({
    id: spec?.serviceAccountId ?? "",
  });
  expect(serviceAccount).toMatchObject({
    metadata: { name, profileId: owner.profile.metadata?.id },
    spec: { teamId },
  });
  expect(spec?.permissions).toEqual(["*"]);
  const { principal } = await app.clientAs(token).profiles.whoAmI({});
  expect(principal).toMatchObject({
    permissions: ["agents:write", "runs:start"],
    keyName: "deploy key",
    profile: { spec: { name } },
  });
});

test("both have an audit event of the same request", async () => {
  const { id, spec } = await issueKey(owner, requestOf());
  const events = await app.db
    .selectFrom("audit_event")
    .select(["resource_type", "resource_id", "method", "request_id"])
    .where("resource_id", "in", [id, spec?.serviceAccountId ?? ""])
    .orderBy("resource_type")
    .execute();
  const method = "latchkey.v1.ApiKeyService/CreateApiKey";
  expect(events).toMatchObject([
    { resource_type: "api_key", resource_id: id, method },
    { resource_type: "service_account", resource_id: spec?.serviceAccountId, method },
  ]);
  expect(new Set(events.map((event) => event.request_id)).size).toBe(1);
});

test("a repeat with the same request_id creates nothing, and the error names the key", async () => {
  const before = (await accounts()).length;
  const request = requestOf({ requestId: "deploy-1" });
  const { id } = await issueKey(owner, request);
  const repeated = await refusal(issueKey(owner, request));
  expect(repeated).toMatchObject({ reason: "ALREADY_EXISTS", metadata: { id } });
  expect(await accounts()).toHaveLength(before + 1);
});

test("the call takes three round trips, for a caller without all permissions too", async () => {
  const role = await newRole(
    owner,
    newName(),
    "agents:*",
    "runs:*",
    "api_keys:write",
    "service_accounts:write",
  );
  const caller = await issueKey(
    owner,
    requestOf({ serviceAccount: { name: newName(), teamId: await newTeam(owner, newName(), role) } }),
  );
  const watch = watchTrips();
  try {
    for (const one of [owner, app.clientAs(caller.token)]) {
      await one.profiles.whoAmI({});
      expect((await watch.tripsOf(() => issueKey(one, requestOf()))).length).toBeLessThanOrEqual(3);
    }
  } finally {
    watch.restore();
  }
});

describe("the call creates neither", () => {
  const refusals: [string, () => Promise<Request>, object][] = [
    [
      "if the team does not exist",
      async () => ({ serviceAccount: { name: "x", teamId: "team_x" } }),
      { violations: [{ field: "service_account.team_id" }] },
    ],
    [
      "if the name is blank",
      async () => ({ serviceAccount: { name: " ", teamId } }),
      { violations: [{ field: "service_account.name" }] },
    ],
    [
      "if the key has no service account because of its kind",
      async () => ({ spec: {} }),
      { violations: [{ field: "service_account" }] },
    ],
    [
      "if the request also names a service account",
      async () => ({
        spec: { ...service, serviceAccountId: (await newServiceAccount(owner, newName(), teamId)).id },
      }),
      { violations: [{ field: "service_account" }] },
    ],
    [
      "if the name is taken",
      async () => {
        const name = newName();
        await newServiceAccount(owner, name, teamId);
        return { serviceAccount: { name, teamId } };
      },
      { reason: "ALREADY_EXISTS", metadata: { field: "service_account.name" } },
    ],
    [
      "if the key has a wrong permission",
      async () => ({ spec: { ...service, permissions: ["x"] } }),
      { violations: [{ field: "spec.permissions[0]" }] },
    ],
    [
      "if a workspace of the key does not exist",
      async () => ({ spec: { ...service, workspaceScope: 1 }, initialWorkspaceIds: ["ws_x"] }),
      { code: "NotFound" },
    ],
  ];
  test.each(refusals)("%s", async (_, prepare, error) => {
    const request = requestOf(await prepare());
    const before = (await accounts()).length;
    expect(await refusal(issueKey(owner, request))).toMatchObject(error);
    expect(await accounts()).toHaveLength(before);
  });
});

describe("a caller creates no more than it holds:", () => {
  const denied = (permission: string) => ({ reason: "PERMISSION_DENIED", metadata: { permission } });
  async function callerWith(...permissions: string[]): Promise<Clients> {
    return newMember(app, owner, await newRole(owner, newName(), ...permissions));
  }

  test("it needs service_accounts:write as well as api_keys:write", async () => {
    const rights = ["agents:*", "runs:*"];
    const minter = await callerWith(...rights, "api_keys:write");
    expect(await refusal(issueKey(minter, requestOf()))).toMatchObject(denied("service_accounts:write"));
    const manager = await callerWith(...rights, "service_accounts:manage");
    expect(await refusal(issueKey(manager, requestOf()))).toMatchObject(denied("api_keys:write"));
  });

  test("it must hold all permissions of the team, even if the list of the key has fewer", async () => {
    const rights = ["agents:write", "api_keys:write", "service_accounts:write"];
    const team = await newTeam(owner, newName(), await newRole(owner, newName(), ...rights));
    const made = await issueKey(owner, requestOf({ serviceAccount: { name: newName(), teamId: team } }));
    const caller = app.clientAs(made.token);
    const before = (await accounts()).length;
    for (const permissions of [["agents:read"], []]) {
      const request = requestOf({ spec: { ...service, permissions } });
      expect(await refusal(issueKey(caller, request))).toMatchObject(denied("runs:start"));
    }
    expect(await accounts()).toHaveLength(before);
    await expect(
      issueKey(caller, requestOf({ serviceAccount: { name: newName(), teamId: team } })),
    ).resolves.toBeDefined();
  });

  test("a key with an environment cannot do it, because service accounts have none", async () => {
    const { token } = await issueKey(owner, { spec: { permissions: ["*"], workspaceScope: 2 } });
    const refused = await refusal(issueKey(app.clientAs(token), requestOf()));
    expect(refused.reason).toBe("ENVIRONMENT_MISMATCH");
  });

  test("a key that narrows its owner passes on no more than its own list", async () => {
    const narrow = await newDeveloperKey(app, owner, {
      permissions: ["agents:write", "runs:start", "api_keys:write", "service_accounts:write"],
    });
    const { token } = await issueKey(
      narrow,
      requestOf({ spec: { ...service, permissions: ["agents:read"] } }),
    );
    expect(await permissionsOf(app.clientAs(token))).toEqual(["agents:read"]);
    const wide = await refusal(issueKey(narrow, requestOf({ spec: { ...service, permissions: ["*"] } })));
    expect(wide).toMatchObject(denied("*"));
  });
});
