import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { issueKey } from "../support/app.ts";
import { type FormRequest, sendForm, sendFormOverHttp2 } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";
import { join, useExternal } from "../support/oidc/external.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const external = useExternal();

async function introspector(one = app) {
  const { url } = await serve(one);
  return async (token: string, as: Omit<FormRequest, "form">, more: Record<string, string> = {}) => {
    const answer = await sendForm(`${url}/v1/oauth/introspect`, { form: { token, ...more }, ...as });
    return { ...answer, json: JSON.parse(answer.text) as Record<string, unknown> };
  };
}

const inactive = { status: 200, json: { active: false } };

test("a verifier sees what a key of its account may do", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600), nanos: 999_000_000 };
  const key = await issueKey(owner, {
    spec: { permissions: ["runs:start", "agents:read"], environment: Environment.TEST, expiresAt },
  });
  const answer = await introspect(key.token, { token: verifier.token });
  const { profile } = (await app.clientAs(key.token).profiles.whoAmI({})).principal ?? {};
  expect(answer.json).toEqual({
    active: true,
    scope: "agents:read runs:start",
    client_id: key.id,
    token_type: "Bearer",
    exp: Number(expiresAt.seconds),
    sub: profile?.metadata?.id,
    account_id: owner.account.metadata?.id,
    key_id: key.id,
    environment: "test",
    kind: "application",
  });
  expect(answer.headers).toMatchObject({ "cache-control": "no-store", pragma: "no-cache" });
});

test("a session is introspected in the account of the verifier, and shows its user", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const answer = await introspect(owner.token, { token: verifier.token });
  expect(answer.json).toMatchObject({
    active: true,
    scope: "*",
    client_id: expect.stringMatching(/^user_/),
    username: owner.email,
    sub: owner.profile.metadata?.id,
    kind: "user",
  });
  expect(answer.json).not.toHaveProperty("key_id");
  expect(answer.json).not.toHaveProperty("environment");
});

test("a session of several accounts needs the account, and only the platform may name another one", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const second = await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const elsewhere = { account_id: second.account?.metadata?.id ?? "" };
  const platform = { token: app.platformToken };
  expect(await introspect(owner.token, platform)).toMatchObject(inactive);
  expect((await introspect(owner.token, platform, elsewhere)).json).toMatchObject({
    active: true,
    ...elsewhere,
    sub: second.profile?.metadata?.id,
  });
  expect((await introspect(owner.token, { token: verifier.token })).json).toMatchObject({
    active: true,
    account_id: owner.account.metadata?.id,
  });
  expect(await introspect(owner.token, { token: verifier.token }, elsewhere)).toMatchObject(inactive);
});

test("a token of an external issuer is active in an account of its person, and makes no user", async () => {
  const { app: one, issuer } = external;
  const introspect = await introspector(one);
  const owner = await one.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const as = { token: verifier.token };
  const token = await issuer.token({ sub: randomUUID() });
  expect(await introspect(token, as)).toMatchObject(inactive);
  const users = () => one.db.selectFrom("user").select("id").execute();
  const before = await users();
  expect(await introspect(token, as)).toMatchObject(inactive);
  expect(await users()).toEqual(before);
  await join(owner, one.clientAs(token), "viewer");
  expect((await introspect(token, as)).json).toMatchObject({
    active: true,
    scope: "*:read",
    kind: "user",
    account_id: owner.account.metadata?.id,
    exp: expect.any(Number),
  });
  const stranger = await issueKey(await one.newAccount("Other"), {
    spec: { permissions: ["tokens:verify"] },
  });
  expect(await introspect(token, { token: stranger.token })).toMatchObject(inactive);
});

test("the answer for every other token is the same, and has one member", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const as = { token: verifier.token };
  const stranger = await app.newAccount("Other");
  const revoked = await issueKey(owner);
  await owner.apiKeys.revokeApiKey({ id: revoked.id });
  const disabled = await issueKey(owner);
  await owner.apiKeys.disableApiKey({ id: disabled.id });
  const { invite } = await owner.invites.createInvite({ email: "introspected@example.com", role: "viewer" });
  const foreign = await issueKey(stranger);
  const tokens = [
    "garbage",
    `${disabled.token.slice(0, -1)}!`,
    revoked.token,
    disabled.token,
    foreign.token,
    stranger.token,
    invite?.spec?.token ?? "",
    "x".repeat(8_192),
  ];
  for (const token of tokens) expect(await introspect(token, as)).toMatchObject(inactive);
  const elsewhere = { account_id: stranger.account.metadata?.id ?? "" };
  const key = await issueKey(owner);
  expect(await introspect(key.token, as, elsewhere)).toMatchObject(inactive);
  expect((await introspect(key.token, as)).json.active).toBe(true);
});

test("a platform key sees the tokens of every account", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const answer = await introspect(key.token, { token: app.platformToken });
  expect(answer.json).toMatchObject({ active: true, account_id: owner.account.metadata?.id, key_id: key.id });
});

test("the verifier may authenticate as clients of OAuth do, with HTTP Basic", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const key = await issueKey(owner);
  const right = await introspect(key.token, { basic: [verifier.id, verifier.token] });
  expect(right.json).toMatchObject({ active: true });
  const anyId = await introspect(key.token, { basic: ["", verifier.token] });
  expect(anyId.json).toMatchObject({ active: true });
  for (const basic of [
    [verifier.id, ""],
    [verifier.id, `${verifier.token}x`],
    [verifier.token, ""],
  ] as const) {
    const wrong = await introspect(key.token, { basic: [...basic] });
    expect(wrong).toMatchObject({ status: 401, json: { error: "invalid_client" } });
    expect(wrong.headers["www-authenticate"]).toContain('Basic realm="latchkey"');
  }
});

test("a caller without authentication gets 401, and one without tokens:verify gets 403", async () => {
  const introspect = await introspector();
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["runs:start"] } });
  const none = await introspect(key.token, {});
  expect(none).toMatchObject({ status: 401, json: { error: "invalid_client" } });
  expect(none.headers["www-authenticate"]).toMatch(/^Bearer .*Basic /);
  const denied = await introspect(key.token, { token: key.token });
  expect(denied).toMatchObject({ status: 403, json: { error: "insufficient_scope" } });
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const headers = { "latchkey-account": (await app.newAccount()).account.metadata?.id ?? "" };
  const foreign = await introspect(key.token, { token: verifier.token, headers });
  expect(foreign).toMatchObject({ status: 403, json: { error: "unauthorized_client" } });
  const accountId = owner.account.metadata?.id ?? "";
  await app.clientAs(app.platformToken).accounts.suspendAccount({ accountId });
  const suspended = await introspect(key.token, { token: verifier.token });
  expect(suspended).toMatchObject({ status: 403, json: { error: "unauthorized_client" } });
});

describe.each([
  ["HTTP/1.1", sendForm],
  ["HTTP/2", sendFormOverHttp2],
])("over %s", (_version, send) => {
  test("a wrong form is refused by name", async () => {
    const { url } = await serve(app);
    const post = async (form: string) => {
      const answer = await send(`${url}/v1/oauth/introspect`, { form, token: app.platformToken });
      return { status: answer.status, ...(JSON.parse(answer.text) as Record<string, unknown>) };
    };
    const refused = (description: string) => ({
      status: 400,
      error: "invalid_request",
      error_description: expect.stringContaining(description),
    });
    expect(await post("")).toEqual(refused("token is missing"));
    expect(await post("token=")).toEqual(refused("token is missing"));
    expect(await post("token=a&token=b")).toEqual(refused("only once"));
    expect(await post("token=%ff")).toEqual(refused("UTF-8"));
    expect(await post("token=%")).toEqual(refused("UTF-8"));
    expect(await post("token=ä")).toEqual(refused("ASCII"));
    expect(await post(`token=${"a".repeat(20_000)}`)).toEqual(refused("larger than"));
    expect(await post("&".repeat(100))).toEqual(refused("at most 32"));
    expect(await post("token=a&unknown=b&token_type_hint=access_token")).toEqual({
      status: 200,
      active: false,
    });
  });
});
