import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyKind, ApiKeyState, Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { doneTo, inSeconds, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a key has the fields of its request and names its creator", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner, "north");
  const expiresAt = inSeconds(3600);
  const key = await issueKey(owner, {
    metadata: { name: "  billing  ", labels: { env: "prod", "example.com/team": "" }, externalId: "ext/1" },
    spec: {
      description: "nightly",
      permissions: ["agents:read", "write", "webhook"],
      environment: Environment.TEST,
      expiresAt,
    },
    initialWorkspaceIds: [workspaceId],
  });
  expect(key).toMatchObject({
    metadata: {
      id: expect.stringMatching(/^key_[0-7][0-9a-hjkmnp-tv-z]{25}$/),
      accountId: owner.account.metadata?.id,
      profileId: owner.profile.metadata?.id,
      name: "billing",
      labels: { env: "prod", "example.com/team": "" },
      externalId: "ext/1",
    },
    spec: {
      description: "nightly",
      permissions: ["*:write", "webhooks:manage"],
      environment: Environment.TEST,
      expiresAt,
      system: false,
    },
    info: {
      createdBy: { metadata: { id: owner.profile.metadata?.id }, spec: { type: ProfileType.USER } },
      workspacesPreview: [{ id: workspaceId, name: "north" }],
      workspacesTotal: 1,
      tokens: [{ hint: expect.stringContaining("lk_test_") }],
    },
    state: ApiKeyState.ACTIVE,
  });
  const { token: _, ...spec } = key.spec ?? {};
  const { apiKey: read } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(read).toMatchObject({ metadata: key.metadata, spec, info: key.info, etag: key.etag });
  expect(await doneTo(app, key.id)).toEqual(["CreateApiKey"]);
});

test("omitted fields have defaults: an application key, live, without workspaces and permissions", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const { apiKey } = await owner.apiKeys.createApiKey({ metadata: { name: "bare" } });
  expect(apiKey?.spec).toMatchObject({
    kind: ApiKeyKind.APPLICATION,
    environment: Environment.LIVE,
    workspaceScope: WorkspaceScope.SELECTED,
    permissions: [],
  });
  expect(apiKey?.spec?.expiresAt).toBeUndefined();
  const token = apiKey?.spec?.token ?? "";
  const { principal, profile } = await app.clientAs(token).profiles.whoAmI({});
  expect(principal).toMatchObject({ permissions: [], workspaceIds: [], keyId: apiKey?.metadata?.id });
  expect(profile?.metadata?.id).toBe(apiKey?.info?.profileId);
  expect(profile?.spec?.type).toBe(ProfileType.API_KEY);
  expect(await verdictOf(app, token)).toBe("VALID");
  expect(await verdictOf(app, token, workspaceId)).toBe("WORKSPACE_FORBIDDEN");
  for (const requiredPermissions of [["agents:read"], ["api_keys:read"]]) {
    const denied = await app.clientAs(app.platformToken).tokens.verifyToken({ token, requiredPermissions });
    expect(denied.valid).toBe(false);
  }
});

test("a key of scope ALL enters workspaces that are created later, and takes no grants", async () => {
  const owner = await app.newAccount();
  const spec = { workspaceScope: WorkspaceScope.ALL };
  const key = await issueKey(owner, { spec });
  const workspaceId = await newWorkspace(owner);
  expect(await verdictOf(app, key.token, workspaceId)).toBe("VALID");
  const call = owner.apiKeys.createApiKey({
    metadata: { name: "a" },
    spec,
    initialWorkspaceIds: [workspaceId],
  });
  expect(await refusal(call)).toMatchObject({ code: "FailedPrecondition" });
});

test("a token appears only in the response that mints it, and the database never stores it in clear", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "once" }, spec: { permissions: ["api_keys:*"] } });
  const itself = app.clientAs(key.token).apiKeys;
  expect(key.token).toMatch(/^lk_live_[0-9a-z]{26}[0-9A-Za-z]{38}$/);
  expect(key.token).toContain(key.id.slice(4));
  const { id } = key;
  const answers = [
    await itself.getApiKey({ id }),
    await itself.listApiKeys({ includeInfo: true }),
    await itself.updateApiKey({ id, metadata: { name: "twice" } }),
    await itself.updateApiKey({ id, metadata: { name: "twice" } }),
    await owner.apiKeys.disableApiKey({ id }),
    await owner.apiKeys.enableApiKey({ id }),
    await owner.apiKeys.revokeApiKey({ id }),
    await owner.audit.listAuditEvents({}),
  ];
  await app.app.flush();
  const secret = key.token.slice(-38, -4);
  for (const answer of answers) expect(JSON.stringify(answer, replaceBigInt)).not.toContain(secret);
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(app.db);
  expect(tables.rows.length).toBeGreaterThan(10);
  for (const { name } of tables.rows) {
    const found = await sql<{ n: number }>`
      select count(*)::int as n from ${sql.table(name)} as t where strpos(t::text, ${secret}) > 0`.execute(
      app.db,
    );
    expect(found.rows, name).toEqual([{ n: 0 }]);
  }
});

describe("a request_id", () => {
  const asked = { metadata: { name: "once" }, requestId: "retry-1" };

  test("creates one key, and the error of a repeat names it", async () => {
    const owner = await app.newAccount();
    const { id } = await issueKey(owner, asked);
    expect(await refusal(owner.apiKeys.createApiKey(asked))).toMatchObject({
      code: "AlreadyExists",
      reason: "ALREADY_EXISTS",
      metadata: { id },
    });
    expect((await owner.apiKeys.listApiKeys({ query: "once" })).items).toHaveLength(1);
  });

  test("creates one key if many repeats run concurrently", async () => {
    const owner = await app.newAccount();
    const calls = Array.from({ length: 8 }, () => owner.apiKeys.createApiKey(asked));
    const settled = await Promise.allSettled(calls);
    const made = settled.flatMap((one) =>
      one.status === "fulfilled" ? [one.value.apiKey?.metadata?.id] : [],
    );
    expect(made).toHaveLength(1);
    for (const call of calls.filter((_, index) => settled[index]?.status === "rejected")) {
      expect(await refusal(call)).toMatchObject({ code: "AlreadyExists", metadata: { id: made[0] } });
    }
    expect((await owner.apiKeys.listApiKeys({ query: "once" })).items).toHaveLength(1);
    expect(await doneTo(app, made[0] ?? "")).toEqual(["CreateApiKey"]);
  });

  test("belongs to its caller: another account or another key may use the same one", async () => {
    const [one, two] = [await app.newAccount(), await app.newAccount()];
    const key = await issueKey(one, { spec: { permissions: ["api_keys:write"] } });
    const made = [one, two, app.clientAs(key.token)].map((caller) => issueKey(caller, asked));
    expect(new Set((await Promise.all(made)).map(({ id }) => id)).size).toBe(3);
  });

  test("of a refused call can be used again", async () => {
    const owner = await app.newAccount();
    const wrong = { ...asked, initialWorkspaceIds: ["ws_01jd0000000000000000000000"] };
    expect(await refusal(owner.apiKeys.createApiKey(wrong))).toMatchObject({ code: "NotFound" });
    await issueKey(owner, asked);
  });

  test("can be used again after 24 hours, but not earlier", async () => {
    const owner = await app.newAccount();
    const first = await issueKey(owner, asked);
    const age = (interval: string) =>
      sql`update request set created_at = clock_timestamp() - ${interval}::interval where resource_id = ${first.id}`.execute(
        app.db,
      );
    await age("23 hours 59 minutes");
    expect(await refusal(owner.apiKeys.createApiKey(asked))).toMatchObject({ code: "AlreadyExists" });
    await age("24 hours 1 minute");
    expect((await issueKey(owner, asked)).id).not.toBe(first.id);
  });
});

function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
