import { beforeAll, describe, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { createGuard } from "../../src/guard/guard.ts";
import type { GuardOptions, Requirements } from "../../src/guard/types.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { openGuard, verifierOf } from "../support/guard/guard.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let owner: Owner;
let verifier: string;
beforeAll(async () => {
  owner = await app.newAccount();
  verifier = await verifierOf(owner);
});

const none = { valid: false, source: "guard" };

describe("the guard answers as VerifyToken does", () => {
  test("a token that fulfils the requirements is valid, with its principal", async () => {
    const guard = await openGuard(app, verifier);
    const workspaceId = await newWorkspace(owner);
    const key = await issueKey(owner, {
      spec: { permissions: ["agents:write", "runs:start"] },
      initialWorkspaceIds: [workspaceId],
    });
    const required: Requirements = {
      permissions: ["agents:read", "runs:start"],
      workspaceId,
      accountId: owner.account.metadata?.id,
      environment: "live",
    };
    const verdict = await guard.verify(key.token, required);
    expect(verdict).toMatchObject({ valid: true, reason: "VALID", metadata: {}, source: "server" });
    expect(verdict.principal).toMatchObject({
      keyId: key.id,
      accountId: owner.account.metadata?.id,
      environment: Environment.LIVE,
      permissions: ["agents:write", "runs:start"],
      workspaceIds: [workspaceId],
    });
  });

  test("a refusal has the reason of the table of errors and its metadata", async () => {
    const guard = await openGuard(app, verifier);
    const key = await issueKey(owner, { spec: { permissions: ["runs:read"] } });
    const refusal = async (required: Requirements) => await guard.verify(key.token, required);
    expect(await refusal({ permissions: ["runs:start"] })).toMatchObject({
      valid: false,
      reason: "PERMISSION_DENIED",
      message: "the permission runs:start is missing",
      metadata: { permission: "runs:start" },
    });
    expect(await refusal({ environment: "test" })).toMatchObject({ reason: "ENVIRONMENT_MISMATCH" });
    expect(await refusal({ workspaceId: newId("ws") })).toMatchObject({ reason: "WORKSPACE_FORBIDDEN" });
    expect(await refusal({ accountId: newId("acct") })).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
    expect(await refusal({ entitlements: ["realtime"] })).toMatchObject({ reason: "ENTITLEMENT_REQUIRED" });
    await owner.apiKeys.disableApiKey({ id: key.id });
    expect(await refusal({})).toMatchObject({ reason: "DISABLED_API_KEY", metadata: { key_id: key.id } });
    await owner.apiKeys.revokeApiKey({ id: key.id });
    expect(await refusal({})).toMatchObject({ reason: "REVOKED_API_KEY", metadata: { key_id: key.id } });
    const unknown = mintToken("lk", "live", newId("key")).token;
    expect(await guard.verify(unknown)).toMatchObject({ reason: "INVALID_API_KEY", source: "server" });
  });

  test("the account and the environment of the guard are those of every requirement that names none", async () => {
    const key = await issueKey(owner);
    const foreign = await openGuard(app, verifier, { account: newId("acct") });
    expect(await foreign.verify(key.token)).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
    const testing = await openGuard(app, verifier, { environment: "test" });
    expect(await testing.verify(key.token)).toMatchObject({ reason: "ENVIRONMENT_MISMATCH" });
    expect(await testing.verify(key.token, { environment: "live" })).toMatchObject({ valid: true });
  });

  test("a session's refusal names a session", async () => {
    const guard = await openGuard(app, verifier);
    const unknown = mintToken("lk", "ses", newId("ses")).token;
    expect(await guard.verify(unknown)).toMatchObject({ reason: "INVALID_SESSION" });
  });
});

describe("the guard refuses without a call", () => {
  // No server listens on this address.
  const nowhere = () => createGuard({ url: "http://127.0.0.1:1", token: verifier, onEvent: () => undefined });

  test("a token with a wrong checksum, another form or no text", async () => {
    const guard = nowhere();
    const { token } = mintToken("lk", "live", newId("key"));
    const wrong = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
    const invite = mintToken("lk", "inv", newId("inv")).token;
    for (const text of [wrong, token.slice(1), `${token} `, invite, "x", "\ud800", "x".repeat(100_000)]) {
      expect(await guard.verify(text)).toMatchObject({ ...none, reason: "INVALID_API_KEY" });
    }
    expect(await guard.verify("")).toMatchObject({ ...none, reason: "MISSING_API_KEY" });
    expect(guard.state().calls).toBe(0);
    await guard.close();
  });

  test("requirements with a mistake, which would otherwise require less", async () => {
    const guard = nowhere();
    const { token } = mintToken("lk", "live", newId("key"));
    const mistakes = [
      null,
      "runs:start",
      { permission: "runs:start" },
      { permissions: "runs:start" },
      { permissions: [undefined] },
      { environment: "prod" },
      { environment: "toString" },
      { workspaceId: "" },
      { accountId: "" },
      { cost: 0.5 },
      { cost: -1 },
      { cost: 1_000_001 },
      { cost: Number.POSITIVE_INFINITY },
      ["runs:start"],
      Promise.resolve({ permissions: ["runs:start"] }),
      new Map([["permissions", ["runs:start"]]]),
      Object.create({ permissions: ["runs:start"] }),
    ];
    for (const mistake of mistakes) {
      const verdict = await guard.verify(token, mistake as unknown as Requirements);
      expect(verdict, JSON.stringify(mistake)).toMatchObject({ ...none, reason: "INVALID_FIELDS" });
    }
    await guard.close();
  });

  test("wrong options, by an error of `createGuard`", () => {
    for (const mistake of [
      { environment: "production" },
      { environment: "" },
      { environment: null },
      { environment: "toString" },
      { account: "" },
      { account: null },
      { token: "" },
      { token: `${verifier}\n` },
      { token: undefined },
    ]) {
      const options = { url: "http://127.0.0.1:1", token: verifier, ...mistake } as unknown as GuardOptions;
      expect(() => createGuard(options), JSON.stringify(mistake)).toThrow(TypeError);
    }
  });

  test("every token while the server cannot be reached, with a retry hint", async () => {
    const guard = nowhere();
    const { token } = mintToken("lk", "live", newId("key"));
    expect(await guard.verify(token)).toMatchObject({ ...none, reason: "UNAVAILABLE", retryAfterMs: 1_000 });
    await guard.close();
    expect(await guard.verify(token)).toMatchObject({ ...none, reason: "UNAVAILABLE" });
  });
});

test("requirements that the server rejects are a mistake of the service", async () => {
  const guard = await openGuard(app, verifier);
  const key = await issueKey(owner);
  const verdict = await guard.verify(key.token, { permissions: ["not a permission"] });
  expect(verdict).toMatchObject({ valid: false, reason: "INVALID_FIELDS" });
  expect(verdict.metadata.violations).toContain("required_permissions");
});

test("callers cannot change a verdict that others may share", async () => {
  const guard = await openGuard(app, verifier);
  const { principal } = await guard.verify((await issueKey(owner)).token);
  expect(() => principal?.permissions.push("*")).toThrow(TypeError);
});
