import { expect, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newMember } from "../support/actors/actors.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const minute = { gracePeriod: { seconds: 60n } };
const verdictOf = async (token: string) =>
  (await app.clientAs(app.platformToken).tokens.verifyToken({ token })).verdict;
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

async function rotate(by: Clients, request: object = {}) {
  const { apiKey } = await by.accounts.rotateGlobalApiKey(request);
  return { id: apiKey?.metadata?.id ?? "", token: apiKey?.spec?.token ?? "" };
}

test("the system key that the RPC returns is the one of the account and of ApiKeyService", async () => {
  const owner = await app.newAccount();
  const { apiKey } = await owner.accounts.getGlobalApiKey({});
  expect(apiKey).toMatchObject({ spec: { system: true, token: "" }, info: { tokens: [] } });
  expect(apiKey).toEqual((await owner.accounts.getAccount({})).account?.info?.globalApiKey);
  expect(apiKey).toEqual((await owner.apiKeys.getApiKey({ id: apiKey?.metadata?.id ?? "" })).apiKey);
});

test("an owner rotates, disables and enables the system key, and each change leaves its event", async () => {
  const owner = await app.newAccount();
  const first = await rotate(owner);
  expect((await app.clientAs(first.token).profiles.whoAmI({})).principal).toMatchObject({
    accountId: idOf(owner),
    keyId: first.id,
    permissions: ["*"],
  });
  const second = await rotate(owner, minute);
  expect(second.id).toBe(first.id);
  expect(await verdictOf(first.token)).toBe(Verdict.VALID);
  await rotate(owner);
  expect(await verdictOf(second.token)).toBe(Verdict.REVOKED);
  const { apiKey: disabled } = await owner.accounts.disableGlobalApiKey({});
  expect(disabled).toMatchObject({ state: ApiKeyState.DISABLED, spec: { token: "" } });
  const { apiKey: enabled } = await owner.accounts.enableGlobalApiKey({});
  expect(enabled?.state).toBe(ApiKeyState.ACTIVE);
  const { items } = await owner.audit.listAuditEvents({ sortOrder: "asc" });
  const service = "latchkey.v1.AccountService";
  expect(items.filter(({ resourceId }) => resourceId === first.id).map(({ method }) => method)).toEqual([
    ...Array(3).fill(`${service}/RotateGlobalApiKey`),
    `${service}/DisableGlobalApiKey`,
    `${service}/EnableGlobalApiKey`,
  ]);
});

test("a disabled system key is rejected at once", async () => {
  const owner = await app.newAccount();
  const { token } = await rotate(owner);
  await app.clientAs(token).profiles.whoAmI({});
  await owner.accounts.disableGlobalApiKey({});
  expect(await verdictOf(token)).toBe(Verdict.DISABLED);
  expect(await refusal(app.clientAs(token).accounts.enableGlobalApiKey({}))).toMatchObject({
    reason: "DISABLED_API_KEY",
  });
});

test("the system key rotates itself with a grace period, and disables itself", async () => {
  const owner = await app.newAccount();
  const { token } = await rotate(owner);
  const itself = app.clientAs(token);
  expect(await refusal(itself.accounts.rotateGlobalApiKey({}))).toMatchObject({ code: "InvalidArgument" });
  const next = await rotate(itself, minute);
  expect(await refusal(itself.accounts.rotateGlobalApiKey(minute))).toMatchObject({
    code: "PermissionDenied",
  });
  await app.clientAs(next.token).accounts.disableGlobalApiKey({});
  expect(await verdictOf(next.token)).toBe(Verdict.DISABLED);
});

test("no other caller decides about the system key, whatever it holds", async () => {
  const owner = await app.newAccount();
  const { token } = await rotate(owner);
  const admin = await newMember(app, owner, "admin");
  const key = await issueKey(owner, { spec: { permissions: ["*"] } });
  const platform = app.clientAs(app.platformToken, { "latchkey-account": idOf(owner) });
  for (const { accounts } of [admin, app.clientAs(key.token), platform]) {
    const refused = { reason: "SYSTEM_KEY" };
    expect(await refusal(accounts.rotateGlobalApiKey(minute))).toMatchObject(refused);
    expect(await refusal(accounts.disableGlobalApiKey({}))).toMatchObject(refused);
    expect(await refusal(accounts.enableGlobalApiKey({}))).toMatchObject(refused);
  }
  const reader = await issueKey(owner, { spec: { permissions: ["account:read"] } });
  const { accounts } = app.clientAs(reader.token);
  expect(await refusal(accounts.getGlobalApiKey({}))).toMatchObject({
    metadata: { permission: "api_keys:read" },
  });
  expect(await verdictOf(token)).toBe(Verdict.VALID);
});

test("while an account has no owner, the platform rotates its system key without a grace period", async () => {
  const platform = app.clientAs(app.platformToken);
  const { account } = await platform.accounts.openAccount({ metadata: { name: "without an owner" } });
  const acting = app.clientAs(app.platformToken, { "latchkey-account": account?.metadata?.id ?? "" });
  expect(await refusal(acting.accounts.rotateGlobalApiKey(minute))).toMatchObject({
    code: "InvalidArgument",
  });
  const { id, token } = await rotate(acting);
  expect(await verdictOf(token)).toBe(Verdict.VALID);
  const { items } = await acting.audit.listAuditEvents({});
  expect(items.find(({ resourceId }) => resourceId === id)).toMatchObject({
    outcome: AuditOutcome.DONE,
    via: "platform",
  });
});

test("each account has its own system key", async () => {
  const [one, other] = [await app.newAccount(), await app.newAccount()];
  const [first, second] = [await rotate(one), await rotate(other)];
  expect(first.id).not.toBe(second.id);
  await one.accounts.disableGlobalApiKey({});
  expect(await verdictOf(second.token)).toBe(Verdict.VALID);
  const foreign = app.clientAs(second.token, { "latchkey-account": idOf(one) });
  expect(await refusal(foreign.accounts.getGlobalApiKey({}))).toMatchObject({
    reason: "ACCOUNT_MISMATCH",
  });
});

test("over plain HTTP, the key is the body of each answer", async () => {
  const { url } = await serve(app);
  const owner = await app.newAccount();
  const { token } = await rotate(owner);
  async function call(method: string, verb: string, by: string, body?: object) {
    const headers = { "content-type": "application/json", authorization: `Bearer ${by}` };
    const sent = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const response = await fetch(`${url}/v1/account/global_api_key${verb}`, sent);
    return { status: response.status, json: (await response.json()) as { spec: { token: string } } };
  }
  expect(await call("GET", "", owner.token)).toMatchObject({ status: 200, json: { spec: { system: true } } });
  const rotated = await call("POST", ":rotate", token, { gracePeriod: "60s" });
  expect(await verdictOf(rotated.json.spec.token)).toBe(Verdict.VALID);
  expect(await call("POST", ":disable", owner.token, {})).toMatchObject({
    json: { state: "API_KEY_STATE_DISABLED" },
  });
  expect(await call("POST", ":enable", owner.token, {})).toMatchObject({
    json: { state: "API_KEY_STATE_ACTIVE" },
  });
});
