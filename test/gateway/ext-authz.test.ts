import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { identityHeaders } from "../../src/rpc/gateway/identity.ts";
import { type Clients, issueKey, newWorkspace } from "../support/app.ts";
import { connectAsEnvoy, type EnvoyAnswer } from "../support/gateway/envoy.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

async function open(verifier?: string) {
  const { port } = await serve(app);
  const owner = await app.newAccount();
  const own = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const check = connectAsEnvoy(port, verifier ?? own.token);
  return { owner, port, check, verifier: own };
}

function newKey(owner: Clients, permissions = ["agents:read"], externalId = "") {
  return issueKey(owner, { metadata: { name: "the “key”", externalId }, spec: { permissions } });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Returns the headers that Envoy sets on the request to the upstream. All of them must overwrite. */
function setBy(answer: EnvoyAnswer): Record<string, string> {
  const headers = answer.okResponse?.headers ?? [];
  expect(headers.map(({ appendAction }) => appendAction)).toEqual(
    headers.map(() => "OVERWRITE_IF_EXISTS_OR_ADD"),
  );
  return Object.fromEntries(headers.map(({ header: { key, value } }) => [key, value]));
}

/** Returns the status and the JSON body of a refusal. */
function refusalOf(answer: EnvoyAnswer) {
  expect(answer.okResponse).toBeFalsy();
  expect(answer.status.code).not.toBe(0);
  const { body = "{}", status: http, headers = [] } = answer.deniedResponse ?? {};
  const { success, error } = JSON.parse(body);
  expect(success).toBe(false);
  return {
    status: http?.code,
    code: error.code,
    details: error.details,
    headers: Object.fromEntries(headers.map(({ header }) => [header.key, header.value])),
  };
}

test("Envoy passes a key with the identity of its bearer, and stops it at once after RevokeApiKey returned", async () => {
  const { owner, check } = await open();
  const key = await newKey(owner, ["agents:read"], "crm/7");
  const ask = () => check({ headers: bearer(key.token), contextExtensions: { permission: "agents:read" } });
  const answer = await ask();
  expect(answer.status.code).toBe(0);
  expect(setBy(answer)).toEqual({
    "latchkey-account-id": owner.account.metadata?.id,
    "latchkey-profile-id": expect.stringMatching(/^prof_/),
    "latchkey-principal-kind": "application_key",
    "latchkey-key-id": key.id,
    "latchkey-key-name": "the%20%E2%80%9Ckey%E2%80%9D",
    "latchkey-key-external-id": "crm/7",
    "latchkey-environment": "live",
    "latchkey-permissions": "agents:read",
  });
  await ask();
  await owner.apiKeys.revokeApiKey({ id: key.id });
  expect(refusalOf(await ask())).toMatchObject({
    status: "Unauthorized",
    code: "REVOKED_API_KEY",
    details: { key_id: key.id },
    headers: {
      "www-authenticate": expect.stringContaining("Bearer"),
      "content-type": "application/json",
    },
  });
});

test("no identity header, verifier or account of the client survives, whichever headers Envoy shows", async () => {
  const { owner, check } = await open();
  const key = await newKey(owner);
  const forged = {
    "latchkey-user-id": "user_forged",
    latchkey_user_id: "user_forged",
    "latchkey-anything": "forged",
    "latchkey-verifier": app.platformToken,
    "latchkey-account": "acct_forged",
  };
  for (const headers of [{ ...bearer(key.token), ...forged }, bearer(key.token)]) {
    const answer = await check({ headers });
    const set = Object.keys(setBy(answer));
    const removed = answer.okResponse?.headersToRemove ?? [];
    const ours = [...identityHeaders, "latchkey-verifier", "latchkey-account"];
    expect([...set, ...removed].sort()).toEqual(
      [...ours, ...Object.keys(headers).filter((name) => name.startsWith("latchkey"))]
        .filter((name, at, all) => all.indexOf(name) === at)
        .sort(),
    );
  }
});

test("Envoy removes the credentials of the client if its configuration says so", async () => {
  const { owner, check } = await open();
  const key = await newKey(owner);
  const removed = async (contextExtensions: Record<string, string>) =>
    (await check({ headers: bearer(key.token), contextExtensions })).okResponse?.headersToRemove;
  expect(await removed({ remove_credentials: "true" })).toEqual(
    expect.arrayContaining(["authorization", "x-api-key"]),
  );
  expect(await removed({ remove_credentials: "false" })).not.toContain("authorization");
  expect(await removed({})).not.toContain("authorization");
});

describe("requirements", () => {
  test("come from the configuration of Envoy: permissions, workspace, environment, account, entitlements", async () => {
    const { owner, check } = await open();
    const key = await newKey(owner, ["agents:read", "runs:start"]);
    const workspace = await newWorkspace(owner);
    const refused = async (contextExtensions: Record<string, string>) => {
      const answer = await check({ headers: bearer(key.token), contextExtensions });
      return answer.status.code === 0 ? "passed" : refusalOf(answer).code;
    };
    expect(await refused({ permission: "agents:read,runs:start", environment: "live" })).toBe("passed");
    expect(await refused({ permission: "agents:read,runs:stop" })).toBe("PERMISSION_DENIED");
    expect(await refused({ environment: "test" })).toBe("ENVIRONMENT_MISMATCH");
    expect(await refused({ workspace_id: workspace })).toBe("WORKSPACE_FORBIDDEN");
    expect(await refused({ entitlement: "realtime" })).toBe("ENTITLEMENT_REQUIRED");
    expect(await refused({ account_id: "acct_00000000000000000000000000" })).toBe("ACCOUNT_MISMATCH");
    expect(await refused({ account_id: owner.account.metadata?.id ?? "" })).toBe("passed");
  });

  test.each([
    ["an unknown name", { permision: "agents:read" }],
    ["an empty permission", { permission: "" }],
    ["an empty entry of a list", { permission: "agents:read," }],
    ["no permission", { permission: "agents" }],
    ["an empty workspace", { workspace_id: "" }],
    ["an unknown environment", { environment: "production" }],
    ["a list as the account", { account_id: "a b" }],
  ])("with %s refuse everything, and the log says why", async (_name, contextExtensions) => {
    const { owner, check } = await open();
    const key = await newKey(owner, ["*"]);
    const before = app.logLines.length;
    const answer = await check({ headers: bearer(key.token), contextExtensions: { ...contextExtensions } });
    expect(refusalOf(answer)).toMatchObject({ status: "Forbidden", code: "INVALID_ARGUMENT" });
    const warned = app.logLines.slice(before).filter((line) => line.includes("a gateway's rule"));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain("context_extensions: ");
  });
});

describe("the verifier", () => {
  test("must be a live key with tokens:verify in the metadata, and nothing of the client replaces it", async () => {
    const { owner, port, verifier } = await open();
    const powerless = await newKey(owner);
    const key = await newKey(owner);
    const codeOf = (token: string | undefined, more: Record<string, string> = {}) =>
      connectAsEnvoy(port, token)(
        { headers: { ...bearer(key.token), "latchkey-verifier": verifier.token } },
        more,
      ).then(
        ({ status: { code } }) => code,
        (error: { code: number }) => error.code,
      );
    expect(await codeOf(verifier.token)).toBe(0);
    expect(await codeOf(undefined)).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(undefined, bearer(verifier.token))).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(`Bearer ${verifier.token}`)).toBe(status.UNAUTHENTICATED);
    expect(await codeOf(powerless.token)).toBe(status.PERMISSION_DENIED);
    expect(await codeOf(verifier.token, { "latchkey-account": "acct_other" })).toBe(0);
    await owner.apiKeys.revokeApiKey({ id: verifier.id });
    expect(await codeOf(verifier.token)).toBe(status.UNAUTHENTICATED);
  });

  test("of a tenant sees only its own account, and a verifier of the platform sees all", async () => {
    const { check, port } = await open();
    const other = await app.newAccount();
    const foreign = await newKey(other);
    expect(refusalOf(await check({ headers: bearer(foreign.token) }))).toMatchObject({
      status: "Unauthorized",
      code: "INVALID_API_KEY",
    });
    const platform = connectAsEnvoy(port, app.platformToken);
    for (const _ of ["first", "from the cache"]) {
      expect(setBy(await platform({ headers: bearer(foreign.token) }))["latchkey-key-id"]).toBe(foreign.id);
    }
    expect(refusalOf(await check({ headers: bearer(foreign.token) })).code).toBe("INVALID_API_KEY");
  });
});

describe("the bearer of the client", () => {
  test("may be in X-Api-Key or with the scheme Token; two that differ are refused", async () => {
    const { owner, check } = await open();
    const [key, other] = [await newKey(owner), await newKey(owner)];
    const codeOf = async (headers: Record<string, string>) => {
      const answer = await check({ headers });
      return answer.status.code === 0 ? "passed" : refusalOf(answer).status;
    };
    expect(await codeOf({ "x-api-key": key.token })).toBe("passed");
    expect(await codeOf({ authorization: `Token ${key.token}` })).toBe("passed");
    expect(await codeOf({ ...bearer(key.token), "x-api-key": key.token })).toBe("passed");
    expect(await codeOf({ ...bearer(key.token), "x-api-key": other.token })).toBe("Forbidden");
    // Envoy joins two headers of the same name by a comma.
    expect(await codeOf({ authorization: `Bearer ${key.token},Bearer ${other.token}` })).toBe("Unauthorized");
    expect(await codeOf({ authorization: "Basic dTpw" })).toBe("Unauthorized");
    expect(await codeOf({})).toBe("Unauthorized");
  });

  test("may be a session; without an account, one of several accounts is refused", async () => {
    const { owner, port } = await open();
    const check = connectAsEnvoy(port, app.platformToken);
    const identity = setBy(await check({ headers: bearer(owner.token) }));
    expect(identity["latchkey-principal-kind"]).toBe("user");
    expect(identity["latchkey-user-id"]).toMatch(/^user_/);
    expect(identity["latchkey-workspace-ids"]).toBe("*");
    await owner.accounts.createAccount({ metadata: { name: "Second" } });
    expect(refusalOf(await check({ headers: bearer(owner.token) }))).toMatchObject({
      status: "Forbidden",
      code: "ACCOUNT_REQUIRED",
    });
    const account_id = owner.account.metadata?.id ?? "";
    const named = await check({ headers: bearer(owner.token), contextExtensions: { account_id } });
    expect(setBy(named)["latchkey-account-id"]).toBe(account_id);
  });
});
