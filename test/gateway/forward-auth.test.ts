import { describe, expect, test } from "vitest";
import { newWorkspace } from "../support/app.ts";
import { identityIn, newKey, openGateway, path, reasonOf, sent } from "../support/gateway/forward-auth.ts";
import { connectRaw } from "../support/net/net.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const open = () => openGateway(app);

test("a key passes with its identity, and is stopped at once after RevokeApiKey returned", async () => {
  const { owner, verifier, get } = await open();
  const key = await newKey(owner, ["agents:read"], "crm/7");
  for (const _ of ["first", "from the cache"]) {
    const answer = await get(`${path}?permission=agents:read`, sent(verifier, key.token));
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(identityIn(answer)).toEqual({
      "latchkey-account-id": owner.account.metadata?.id,
      "latchkey-profile-id": expect.stringMatching(/^prof_/),
      "latchkey-principal-kind": "application_key",
      "latchkey-key-id": key.id,
      "latchkey-key-name": "the%20%E2%80%9Ckey%E2%80%9D",
      "latchkey-key-external-id": "crm/7",
      "latchkey-environment": "live",
      "latchkey-permissions": "agents:read",
    });
  }
  await owner.apiKeys.revokeApiKey({ id: key.id });
  const stopped = await get(`${path}?permission=agents:read`, sent(verifier, key.token));
  expect([stopped.status, reasonOf(stopped)]).toEqual([401, "REVOKED_API_KEY"]);
  expect(stopped.headers.get("www-authenticate")).toBe('Bearer realm="latchkey", error="invalid_token"');
  expect(identityIn(stopped)).toEqual({});
});

test("a verifier that was revoked lets no key pass, even one that passed before", async () => {
  const { owner, verifier, key, get } = await open();
  const ask = () => get(path, sent(verifier, key.token));
  expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
  await owner.apiKeys.revokeApiKey({ id: verifier.id });
  const refused = await ask();
  expect([refused.status, reasonOf(refused)]).toEqual([401, "REVOKED_API_KEY"]);
  expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="latchkey-verifier"');
});

test("a kept answer is not used for another verifier, bearer, rule or header", async () => {
  const { owner, verifier, key, get } = await open();
  const powerless = await newKey(owner);
  const other = await newKey(owner, ["agents:read", "runs:start"]);
  const url = `${path}?permission=agents:read`;
  expect((await get(url, sent(verifier, key.token))).status).toBe(200);
  const keyId = async (token: string) => identityIn(await get(url, sent(verifier, token)))["latchkey-key-id"];
  expect(await keyId(other.token)).toBe(other.id);
  expect(await keyId(key.token)).toBe(key.id);
  const cases: [number, string, Parameters<typeof get>[1]][] = [
    [403, url, sent(powerless, key.token)],
    [401, url, { token: key.token }],
    [401, url, sent(verifier)],
    [403, `${path}?permission=runs:start`, sent(verifier, key.token)],
    [403, url, sent(verifier, key.token, { "x-api-key": other.token })],
    [200, url, sent(verifier, key.token, { "x-api-key": key.token })],
    [200, url, sent(verifier, undefined, { "x-api-key": key.token })],
    [200, url, sent(verifier, undefined, { authorization: `Token ${key.token}` })],
  ];
  for (const [status, to, what] of cases) expect((await get(to, what)).status).toBe(status);
});

describe("the verifier", () => {
  test("is not taken from the bearer, and its errors have a challenge of their own", async () => {
    const { owner, verifier, key, get } = await open();
    const missing = await get(path, { token: verifier.token });
    expect([missing.status, reasonOf(missing)]).toEqual([401, "MISSING_API_KEY"]);
    expect(missing.json.error).toMatchObject({ details: { header: "latchkey-verifier" } });
    expect(missing.headers.get("www-authenticate")).toBe('Bearer realm="latchkey-verifier"');
    const noBearer = await get(path, sent(verifier));
    expect([noBearer.status, reasonOf(noBearer)]).toEqual([401, "MISSING_API_KEY"]);
    expect(noBearer.headers.get("www-authenticate")).toBe('Bearer realm="latchkey"');
    const powerless = await newKey(owner);
    const denied = await get(path, sent(powerless, key.token));
    expect([denied.status, reasonOf(denied)]).toEqual([403, "PERMISSION_DENIED"]);
    for (const answer of [missing, noBearer, denied]) expect(identityIn(answer)).toEqual({});
  });

  test("sent twice is refused, also if both are right", async () => {
    const { verifier, key, port } = await open();
    const head = [
      `GET ${path} HTTP/1.1`,
      "Host: a",
      `Authorization: Bearer ${key.token}`,
      "Connection: close",
    ];
    const twice = [...head, ...Array(2).fill(`Latchkey-Verifier: ${verifier.token}`), "", ""].join("\r\n");
    expect(await (await connectRaw(port, twice)).closed).toMatch(/^HTTP\/1.1 401 /);
  });

  test("of a tenant sees only its own account; a key of the platform names one of a session's accounts", async () => {
    const { owner, verifier, get } = await open();
    const foreign = await newKey(await app.newAccount());
    const hidden = await get(path, sent(verifier, foreign.token));
    expect([hidden.status, reasonOf(hidden)]).toEqual([401, "INVALID_API_KEY"]);
    const platform = { token: app.platformToken };
    expect(identityIn(await get(path, sent(platform, foreign.token)))["latchkey-key-id"]).toBe(foreign.id);
    await owner.accounts.createAccount({ metadata: { name: "Second" } });
    const id = owner.account.metadata?.id;
    const several = await get(path, sent(platform, owner.token, { "latchkey-account": id ?? "" }));
    expect([several.status, reasonOf(several)]).toEqual([403, "ACCOUNT_REQUIRED"]);
    const named = await get(`${path}?account_id=${id}`, sent(platform, owner.token));
    expect(identityIn(named)).toMatchObject({
      "latchkey-account-id": id,
      "latchkey-principal-kind": "user",
      "latchkey-user-id": expect.stringMatching(/^user_/),
    });
  });
});

describe("requirements", () => {
  test("come from the query of the URL alone", async () => {
    const { owner, verifier, get } = await open();
    const key = await newKey(owner, ["agents:read", "runs:start"]);
    const workspace = await newWorkspace(owner);
    const ask = async (query: string) => {
      const answer = await get(`${path}?${query}`, sent(verifier, key.token));
      return answer.status === 200 ? 200 : reasonOf(answer);
    };
    expect(await ask("permission=agents:read&permission=runs:start&environment=live")).toBe(200);
    expect(await ask("permission=agents%3Aread,runs%3Astart")).toBe(200);
    expect(await ask("permission=agents:read&permission=runs:stop")).toBe("PERMISSION_DENIED");
    expect(await ask("environment=test")).toBe("ENVIRONMENT_MISMATCH");
    expect(await ask(`workspace_id=${workspace}`)).toBe("WORKSPACE_FORBIDDEN");
    expect(await ask("entitlement=realtime")).toBe("ENTITLEMENT_REQUIRED");
    expect(await ask("account_id=acct_00000000000000000000000000")).toBe("ACCOUNT_MISMATCH");
    const forwarded = {
      "x-forwarded-uri": "/?permission=agents:read&organizationId=acct_1",
      "x-original-uri": "/?permission=agents:read",
      "x-forwarded-method": "DELETE",
      "x-http-method-override": "DELETE",
      "latchkey-account": "acct_00000000000000000000000000",
    };
    const answers = await Promise.all([
      get(`${path}?permission=runs:stop`, sent(verifier, key.token, forwarded)),
      get(`${path}?permission=runs:start`, sent(verifier, key.token, forwarded)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 200]);
  });

  test.each([
    "permision=agents:read",
    "permission=",
    "permission=agents:read&permission=",
    "permission=agents",
    "workspace_id=",
    "environment=production",
    "environment=live&environment=live",
    "account_id=a%20b",
    "deny_429_as=200",
    "organizationId=acct_1",
    "entitlement=Realtime",
    "remove_credentials=true",
    `permission=${"a:read,".repeat(64)}a:read`,
  ])("with the mistake %s refuse every client, and the log says why", async (query) => {
    const { owner, verifier, get } = await open();
    const key = await newKey(owner, ["*"]);
    const before = app.logLines.length;
    const answer = await get(`${path}?${query}`, sent(verifier, key.token));
    expect([answer.status, reasonOf(answer)]).toEqual([403, "INVALID_ARGUMENT"]);
    expect(identityIn(answer)).toEqual({});
    const warned = app.logLines.slice(before).filter((line) => line.includes("a gateway's rule"));
    expect(warned).toEqual([expect.stringContaining("the URL of forward_auth: ")]);
  });

  test("with a token in their place are not quoted", async () => {
    const { verifier, key, get } = await open();
    const before = app.logLines.length;
    const answer = await get(`${path}?${key.token}`, sent(verifier, key.token));
    expect(answer.status).toBe(403);
    expect(answer.text + app.logLines.slice(before).join("")).not.toContain(key.token.slice(-20));
  });
});
