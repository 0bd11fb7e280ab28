import { expect, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
} from "../support/actors/actors.ts";
import { doneTo, verdictOf } from "../support/actors/api-key.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a service account is created, read, listed, updated and deleted", async () => {
  const owner = await app.newAccount();
  const [teamId, other] = [await newTeam(owner, "ci"), await newTeam(owner, "cd")];
  const { serviceAccounts } = owner;
  const metadata = { name: " Robot ", labels: { env: "prod" }, externalId: "s-1" };
  const spec = { teamId, description: "builds" };
  const { serviceAccount: made } = await serviceAccounts.createServiceAccount({ metadata, spec });
  const id = made?.metadata?.id ?? "";
  expect(id).toMatch(/^sa_/);
  expect(made).toMatchObject({
    metadata: {
      ...metadata,
      name: "Robot",
      accountId: owner.account.metadata?.id,
      profileId: owner.profile.metadata?.id,
    },
    spec,
    info: { profile: { spec: { type: ProfileType.SERVICE_ACCOUNT, name: "Robot" } }, apiKeysTotal: 0 },
  });
  const update = { id, metadata: { name: "Droid" }, spec: { teamId: other } };
  const { serviceAccount: changed } = await serviceAccounts.updateServiceAccount(update);
  expect(changed).toMatchObject({
    metadata: { name: "Droid", externalId: "s-1" },
    spec: { teamId: other, description: "builds" },
    info: { profile: { metadata: { id: made?.info?.profile?.metadata?.id, name: "Droid" } } },
  });
  expect((await serviceAccounts.getServiceAccount({ id })).serviceAccount).toEqual(changed);
  const listed = await serviceAccounts.listServiceAccounts({ query: "droid", includeInfo: true });
  expect(listed.items).toEqual([changed]);
  await serviceAccounts.deleteServiceAccount({ id });
  expect(await outcome(serviceAccounts.getServiceAccount({ id }))).toBe("NOT_FOUND");
  expect(await outcome(serviceAccounts.deleteServiceAccount({ id }))).toBe("NOT_FOUND");
  expect(await doneTo(app, id)).toEqual([
    "CreateServiceAccount",
    "UpdateServiceAccount",
    "DeleteServiceAccount",
  ]);
});

test("a service account belongs to exactly one team of its account, and an error names each wrong field", async () => {
  const owner = await app.newAccount();
  const { serviceAccounts } = owner;
  const teamId = await newTeam(owner, "ci");
  const foreign = await newTeam(await app.newAccount("Other"), "theirs");
  const { id } = await newServiceAccount(owner, "robot", teamId);
  for (const wrong of ["", newId("team"), foreign, "nonsense"]) {
    const invalid = { code: "InvalidArgument", violations: [{ field: "spec.team_id" }] };
    const spec = { teamId: wrong };
    expect(
      await refusal(serviceAccounts.createServiceAccount({ metadata: { name: "x" }, spec })),
    ).toMatchObject(invalid);
    const updateMask = { paths: ["spec.team_id"] };
    expect(await refusal(serviceAccounts.updateServiceAccount({ id, spec, updateMask }))).toMatchObject(
      invalid,
    );
  }
  expect(await refusal(serviceAccounts.createServiceAccount({ spec: { teamId } }))).toMatchObject({
    violations: [{ field: "metadata.name" }],
  });
  const other = await app.newAccount("Third");
  const theirs = await newServiceAccount(other, "robot", await newTeam(other, "ci"));
  for (const missing of [newId("sa"), theirs.id, "nonsense"]) {
    for (const call of [
      () => serviceAccounts.getServiceAccount({ id: missing }),
      () => serviceAccounts.updateServiceAccount({ id: missing, metadata: { name: "x" } }),
      () => serviceAccounts.deleteServiceAccount({ id: missing }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
    }
  }
});

test("the name of a deleted service account can be used again", async () => {
  const owner = await app.newAccount();
  const teamId = await newTeam(owner, "ci");
  const { id } = await newServiceAccount(owner, "On Call", teamId);
  await owner.serviceAccounts.deleteServiceAccount({ id });
  expect((await newServiceAccount(owner, "on call", teamId)).id).not.toBe(id);
});

test("an update checks its etag and its mask, and a repeated request creates no second service account", async () => {
  const owner = await app.newAccount();
  const { serviceAccounts } = owner;
  const spec = { teamId: await newTeam(owner, "ci"), description: "d" };
  const request = { metadata: { name: "a", labels: { x: "y" } }, spec, requestId: "r-1" };
  const { serviceAccount } = await serviceAccounts.createServiceAccount(request);
  const [id, etag] = [serviceAccount?.metadata?.id, serviceAccount?.etag ?? ""];
  expect(await refusal(serviceAccounts.createServiceAccount(request))).toMatchObject({
    code: "AlreadyExists",
    metadata: { id },
  });
  const paths = ["metadata.labels", "spec.description"];
  const update = { id, etag, metadata: { name: "z" }, updateMask: { paths } };
  expect((await serviceAccounts.updateServiceAccount(update)).serviceAccount).toMatchObject({
    metadata: { name: "a", labels: {} },
    spec: { ...spec, description: "" },
  });
  expect(await refusal(serviceAccounts.updateServiceAccount(update))).toMatchObject({
    code: "Aborted",
    reason: "ETAG_MISMATCH",
  });
});

test("a service account that moves to another team gets that team's permissions at once, with every key", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "starter", "runs:start", "agents:read");
  await newRole(owner, "stopper", "runs:stop", "agents:write");
  const [from, to] = [await newTeam(owner, "a", "starter"), await newTeam(owner, "b", "stopper")];
  const { id } = await newServiceAccount(owner, "robot", from);
  const whole = await newServiceKey(app, owner, id);
  const narrow = await newServiceKey(app, owner, id, { permissions: ["agents:read"] });
  expect(await permissionsOf(whole)).toEqual(["agents:read", "runs:start"]);
  await owner.serviceAccounts.updateServiceAccount({ id, spec: { teamId: to } });
  expect(await permissionsOf(whole)).toEqual(["agents:write", "runs:stop"]);
  expect(await permissionsOf(narrow)).toEqual(["agents:read"]);
});

test("a deleted service account permanently ends all its own keys and no others", async () => {
  const owner = await app.newAccount();
  const teamId = await newTeam(owner, "ci", "viewer");
  const [gone, stays] = [
    await newServiceAccount(owner, "gone", teamId),
    await newServiceAccount(owner, "stays", teamId),
  ];
  const [active, disabled] = [
    await newServiceKey(app, owner, gone.id),
    await newServiceKey(app, owner, gone.id),
  ];
  const other = await newServiceKey(app, owner, stays.id);
  await owner.apiKeys.disableApiKey({ id: disabled.id });
  await owner.serviceAccounts.deleteServiceAccount({ id: gone.id });
  for (const key of [active, disabled]) {
    expect(await verdictOf(app, key.token)).toBe("REVOKED");
    const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
    expect(apiKey?.state).toBe(ApiKeyState.REVOKED);
    expect(await outcome(owner.apiKeys.enableApiKey({ id: key.id }))).toBe("WRONG_STATE");
    expect(await outcome(owner.apiKeys.rotateApiKey({ id: key.id }))).toBe("WRONG_STATE");
  }
  expect(await verdictOf(app, other.token)).toBe("VALID");
  expect(await outcome(newServiceKey(app, owner, gone.id))).toBe("InvalidArgument");
});

test("a key that is minted while its service account is deleted is revoked or not minted", async () => {
  const owner = await app.newAccount();
  const teamId = await newTeam(owner, "ci", "viewer");
  const { id } = await newServiceAccount(owner, "robot", teamId);
  const minted = [1, 2, 3, 4].map(() => newServiceKey(app, owner, id).catch(() => undefined));
  await owner.serviceAccounts.deleteServiceAccount({ id });
  for (const key of await Promise.all(minted)) {
    if (key) expect(await verdictOf(app, key.token)).toBe("REVOKED");
  }
});

test("a service account cannot change itself, even with permissions on service accounts", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "ops", "service_accounts:manage", "teams:manage", "agents:read");
  const [team, empty] = [await newTeam(owner, "ops", "ops"), await newTeam(owner, "empty")];
  const robot = await newServiceAccount(owner, "robot", team);
  const other = await newServiceAccount(owner, "other", team);
  const key = await newServiceKey(app, owner, robot.id);
  const person = await newMember(app, owner, "ops");
  const attempts = (
    id: string,
  ): ((caller: typeof owner | typeof person | typeof key) => Promise<unknown>)[] => [
    ({ serviceAccounts }) => serviceAccounts.updateServiceAccount({ id, metadata: { name: "mine" } }),
    ({ serviceAccounts }) => serviceAccounts.updateServiceAccount({ id, spec: { teamId: empty } }),
    ({ serviceAccounts }) => serviceAccounts.deleteServiceAccount({ id }),
    ({ teams }) => teams.deleteTeam({ id: team, replacement: empty }),
  ];
  const read = () => owner.serviceAccounts.listServiceAccounts({ includeInfo: true });
  const before = await read();
  for (const attempt of attempts(robot.id)) expect(await outcome(attempt(key))).toBe("PERMISSION_DENIED");
  expect(await read()).toEqual(before);
  const [rename, , remove] = attempts(other.id);
  await rename?.(key);
  await remove?.(key);
  const [, move] = attempts(robot.id);
  await move?.(person);
  expect(await permissionsOf(key)).toEqual([]);
});
