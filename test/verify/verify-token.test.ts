import { enumToJson, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { beforeAll, describe, expect, test } from "vitest";
import { Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import type { VerifyTokenRequestSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict, VerdictSchema } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { type Clients, issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
type VerifyRequest = MessageInitShape<typeof VerifyTokenRequestSchema>;

let owner: Owner;

let callers: Record<string, Clients>;
beforeAll(async () => {
  owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  callers = { tenant: app.clientAs(verifier.token), platform: app.clientAs(app.platformToken) };
});

async function responseTo(caller: string, request: VerifyRequest) {
  const { $typeName, ...response } = await (callers[caller] ?? owner).tokens.verifyToken(request);
  return response;
}
const accountId = () => owner.account.metadata?.id ?? "";
const past = sql<Date>`clock_timestamp() - interval '1 minute'`;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.each(["tenant", "platform"])("a request of the %s", (caller) => {
  test("the response to a valid token contains its principal", async () => {
    const workspaceId = await newWorkspace(owner);
    const permissions = ["agents:write", "runs:start"];
    const key = await issueKey(owner, { spec: { permissions }, initialWorkspaceIds: [workspaceId] });
    const response = await responseTo(caller, {
      token: key.token,
      accountId: accountId(),
      workspaceId,
      requiredPermissions: ["agents:read", "runs:start"],
      environment: Environment.LIVE,
    });
    expect(response).toMatchObject({ valid: true, verdict: Verdict.VALID, metadata: {}, failedRules: [] });
    expect(response.principal).toMatchObject({
      accountId: accountId(),
      kind: PrincipalKind.APPLICATION_KEY,
      keyId: key.id,
      profile: { metadata: { id: key.info?.profileId } },
      environment: Environment.LIVE,
      permissions,
      workspaceScope: WorkspaceScope.SELECTED,
      workspaceIds: [workspaceId],
    });
  });

  test.each(["expires_at", "revoked_at", "disabled_at"] as const)(
    "a key with %s in the past gets the verdict of that state",
    async (state) => {
      const key = await issueKey(owner);
      await app.db
        .updateTable("api_key")
        .set({ [state]: past })
        .where("id", "=", key.id)
        .execute();
      const response = await responseTo(caller, { token: key.token });
      const verdicts = {
        expires_at: [Verdict.EXPIRED, ["expired_at", "key_id"]],
        revoked_at: [Verdict.REVOKED, ["key_id", "revoked_at"]],
        disabled_at: [Verdict.DISABLED, ["key_id"]],
      };
      expect([response.verdict, Object.keys(response.metadata).sort()]).toEqual(verdicts[state]);
      expect(response.metadata.key_id).toBe(key.id);
      expect(response).not.toHaveProperty("principal");
      expect(response).not.toHaveProperty("endsAt");
      expect(response.valid).toBe(false);
    },
  );

  test("garbage, a wrong secret, an invite and a reset token are invalid, and the response contains nothing else", async () => {
    const { id } = await issueKey(owner);
    const tokens = ["garbage", mintToken("lk", "live", id).token];
    for (const kind of ["emb", "inv", "otp"] as const) tokens.push(mintToken("lk", kind, newId("inv")).token);
    for (const token of tokens) {
      const request = {
        token,
        accountId: accountId(),
        workspaceId: newId("ws"),
        requiredPermissions: ["x:read"],
      };
      expect(await responseTo(caller, request)).toEqual(invalidOnly([]));
      const { explanation, ...response } = await responseTo(caller, { ...request, dryRun: true });
      expect(response).toEqual(invalidOnly([Verdict.INVALID]));
      expect(explanation).toMatchObject({ rules: [{ name: "token" }], permissionSources: [], answeredBy: 0 });
    }
  });

  test("a key matches its own environment and an unset one, and mismatches the other one", async () => {
    const token = {
      live: (await issueKey(owner)).token,
      test: (await issueKey(owner, { spec: { environment: Environment.TEST } })).token,
      session: owner.token,
    };
    const { LIVE, TEST, UNSPECIFIED } = Environment;
    const verify = (of: keyof typeof token, environment: Environment) =>
      responseTo(caller, { token: token[of], environment });
    for (const [of, environment] of [
      ["live", LIVE],
      ["test", TEST],
      ["live", UNSPECIFIED],
      ["test", UNSPECIFIED],
      ["session", LIVE],
      ["session", TEST],
    ] as const) {
      expect(await verify(of, environment)).toMatchObject({ verdict: Verdict.VALID });
    }
    const mismatch = { verdict: Verdict.ENVIRONMENT_MISMATCH };
    expect(await verify("live", TEST)).toMatchObject({ ...mismatch, metadata: { environment: "live" } });
    expect(await verify("test", LIVE)).toMatchObject({ ...mismatch, metadata: { environment: "test" } });
  });

  test("a grant or the scope ALL opens a workspace, until the workspace is archived", async () => {
    const [granted, other, archived] = [
      await newWorkspace(owner),
      await newWorkspace(owner),
      await newWorkspace(owner),
    ];
    const foreign = await newWorkspace(await app.newAccount());
    const selected = await issueKey(owner, { initialWorkspaceIds: [granted, archived] });
    const all = await issueKey(owner, { spec: { workspaceScope: WorkspaceScope.ALL } });
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    const verify = async (token: string, workspaceId: string) => {
      const response = await responseTo(caller, { token, workspaceId });
      if (!response.valid) expect(response.metadata).toEqual({ workspace_id: workspaceId });
      return enumToJson(VerdictSchema, response.verdict);
    };
    expect(await verify(selected.token, granted)).toBe("VERDICT_VALID");
    expect(await verify(selected.token, other)).toBe("VERDICT_WORKSPACE_FORBIDDEN");
    expect(await verify(selected.token, archived)).toBe("VERDICT_WORKSPACE_ARCHIVED");
    expect(await verify(all.token, other)).toBe("VERDICT_VALID");
    expect(await verify(all.token, archived)).toBe("VERDICT_WORKSPACE_ARCHIVED");
    for (const token of [selected.token, all.token, owner.token]) {
      for (const nowhere of [foreign, newId("ws"), "__proto__"]) {
        expect(await verify(token, nowhere)).toBe("VERDICT_WORKSPACE_FORBIDDEN");
      }
    }
  });

  test("an entitlement is met if the account has it, and a numeric one if it is above 0", async () => {
    const entitlements = ["realtime", "max_api_keys=100", "agents=0", "seats=-1"];
    await app.db.updateTable("account").set({ entitlements }).where("id", "=", accountId()).execute();
    const { token } = await issueKey(owner);
    for (const required of ["realtime", "max_api_keys"]) {
      expect(await responseTo(caller, { token, requiredEntitlements: [required] })).toMatchObject({
        valid: true,
      });
    }
    for (const missing of ["agents", "seats", "nothing", "real"]) {
      const response = await responseTo(caller, { token, requiredEntitlements: ["realtime", missing] });
      expect(response.verdict).toBe(Verdict.ENTITLEMENT_REQUIRED);
      expect(response.metadata).toEqual({ entitlement: missing });
    }
    expect((await responseTo(caller, { token })).principal?.entitlements).toEqual(entitlements);
  });

  test("ends_at is the earlier of the end of the key and the end of its token", async () => {
    const expiresAt = timestampFromDate(new Date("2099-01-01T00:00:00Z"));
    const key = await issueKey(owner, { spec: { expiresAt } });
    expect((await responseTo(caller, { token: key.token })).endsAt).toEqual(expiresAt);
    await owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 3600n } });
    const { endsAt } = await responseTo(caller, { token: key.token });
    const seconds = endsAt ? (timestampDate(endsAt).getTime() - Date.now()) / 1000 : 0;
    expect(seconds).toBeGreaterThan(3500);
    expect(seconds).toBeLessThanOrEqual(3600);
    expect((await responseTo(caller, { token: (await issueKey(owner)).token })).endsAt).toBeUndefined();
  });

  test("dry_run lists every rule that fails, in the order of the table", async () => {
    const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
    const state = { expires_at: past, revoked_at: past, disabled_at: past };
    await app.db.updateTable("api_key").set(state).where("id", "=", key.id).execute();
    const workspaceId = newId("ws");
    const request: VerifyRequest = {
      token: key.token,
      environment: Environment.TEST,
      workspaceId,
      requiredPermissions: ["agents:write", "agents:read", "runs:start"],
      requiredEntitlements: ["nothing"],
      dryRun: true,
    };
    const response = await responseTo(caller, request);
    expect(response.verdict).toBe(Verdict.EXPIRED);
    expect(
      response.failedRules.map((rule) => [enumToJson(VerdictSchema, rule.verdict), rule.metadata]),
    ).toEqual([
      ["VERDICT_EXPIRED", { key_id: key.id, expired_at: expect.any(String) }],
      ["VERDICT_REVOKED", { key_id: key.id, revoked_at: expect.any(String) }],
      ["VERDICT_DISABLED", { key_id: key.id }],
      ["VERDICT_ENVIRONMENT_MISMATCH", { environment: "live" }],
      ["VERDICT_WORKSPACE_FORBIDDEN", { workspace_id: workspaceId }],
      ["VERDICT_PERMISSION_DENIED", { permission: "agents:write" }],
      ["VERDICT_PERMISSION_DENIED", { permission: "runs:start" }],
      ["VERDICT_ENTITLEMENT_REQUIRED", { entitlement: "nothing" }],
    ]);
    expect(await responseTo(caller, { ...request, dryRun: false })).toMatchObject({
      verdict: Verdict.EXPIRED,
      failedRules: [],
    });
  });
});

test("a caller without tokens:verify is rejected, even an application key with *:manage", async () => {
  const key = await issueKey(owner, { spec: { permissions: ["*:manage", "tokens:read"] } });
  for (const call of [
    () => app.clientAs(key.token).tokens.verifyToken({ token: key.token }),
    () => app.clientAs(key.token).tokens.batchVerifyTokens({ requests: [{ token: key.token }] }),
  ]) {
    expect(await refusal(call())).toMatchObject({
      code: "PermissionDenied",
      metadata: { permission: "tokens:verify" },
    });
  }
});

/** A response with the verdict INVALID and nothing else. */
function invalidOnly(failed: Verdict[]) {
  return {
    valid: false,
    verdict: Verdict.INVALID,
    metadata: {},
    tokenId: "",
    database: "",
    failedRules: failed.map((one) => expect.objectContaining({ verdict: one, metadata: {} })),
  };
}
