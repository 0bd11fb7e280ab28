import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { exportSPKI, importJWK, SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { refusal } from "../support/errors.ts";
import { join, useExternal } from "../support/oidc/external.ts";
import { audience, startIssuer } from "../support/oidc/issuer.ts";

const external = useExternal();
const now = () => Math.floor(Date.now() / 1000);
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

// The person of these tokens has a user and all permissions. Only the tokens are wrong.
beforeAll(async () => {
  await join(await external.app.newAccount(), await external.as(), "admin");
});

async function accepts(token: string): Promise<boolean> {
  const { verdict } = await external.app.clientAs(external.app.platformToken).tokens.verifyToken({ token });
  const call = external.app.clientAs(token).profiles.whoAmI({});
  if (verdict === Verdict.VALID) return (await call) !== undefined;
  expect(verdict).toBe(Verdict.INVALID);
  expect(await refusal(call)).toMatchObject({
    code: "Unauthenticated",
    reason: "INVALID_API_KEY",
    metadata: {},
  });
  return false;
}

// Returns the default claims of a token with changes. The issuer signs them unless the test says otherwise.
function claims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: external.issuer.url,
    aud: audience,
    sub: "somebody",
    exp: now() + 300,
    client_id: "app",
    ...more,
  };
}

const accepted: Record<string, () => Promise<string>> = {
  "at+jwt": () => external.issuer.token(),
  "application/at+jwt": () => external.issuer.token({}, { typ: "application/at+jwt" }),
  "one of several audiences": () => external.issuer.token({ aud: ["https://other.test", audience] }),
  "no typ, with a scope": () =>
    external.issuer.token({ scope: "api", client_id: undefined }, { typ: undefined }),
  "typ JWT of another client": () => external.issuer.token({ azp: "app" }, { typ: "JWT" }),
  "Keycloak's Bearer": () => external.issuer.token({ typ: "Bearer", azp: "app" }, { typ: "JWT" }),
  "expired within the skew": () => external.issuer.token({ exp: now() - 30 }),
  "not yet valid within the skew": () => external.issuer.token({ nbf: now() + 30 }),
};

const forged: Record<string, () => Promise<string>> = {
  "alg none": async () => `${base64url({ alg: "none", typ: "at+jwt" })}.${base64url(claims())}.`,
  "alg none, with a signature": async () => {
    const [, , signature] = (await external.issuer.token()).split(".");
    return `${base64url({ alg: "none", typ: "at+jwt" })}.${base64url(claims())}.${signature}`;
  },
  "HS256 with the public key as the secret": async () => {
    const { publicJwk } = external.issuer.key();
    const key = await importJWK({ ...publicJwk }, "ES256", { extractable: true });
    if (key instanceof Uint8Array) throw new Error("expected a public key");
    const secret = createSecretKey(Buffer.from(await exportSPKI(key)));
    const header = { alg: "HS256", typ: "at+jwt", kid: publicJwk.kid ?? "" };
    return new SignJWT(claims()).setProtectedHeader(header).sign(secret);
  },
  "another key with a known kid": async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const header = { alg: "ES256", typ: "at+jwt", kid: external.issuer.key().publicJwk.kid ?? "" };
    return new SignJWT(claims()).setProtectedHeader(header).sign(privateKey);
  },
  "its own key in the header": async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = publicKey.export({ format: "jwk" });
    return new SignJWT(claims()).setProtectedHeader({ alg: "ES256", typ: "at+jwt", jwk }).sign(privateKey);
  },
  "an unknown kid": () => external.issuer.token({}, { kid: "nobody's" }),
  "changed claims": async () => {
    const [header, , signature] = (await external.issuer.token()).split(".");
    return `${header}.${base64url(claims({ sub: "somebody else" }))}.${signature}`;
  },
  "another audience": () => external.issuer.token({ aud: "https://other.test" }),
  "no audience": () => external.issuer.token({ aud: undefined }),
  "an unknown issuer": () => external.issuer.token({ iss: "https://other.test" }),
  "the issuer with a slash": () => external.issuer.token({ iss: `${external.issuer.url}/` }),
  "no issuer": () => external.issuer.token({ iss: undefined }),
  "another issuer's key": async () => {
    const other = await startIssuer();
    const token = await other.token({ iss: external.issuer.url });
    await other.close();
    return token;
  },
  "no end": () => external.issuer.token({ exp: undefined }),
  "an end that is not a time": () => external.issuer.token({ exp: 1e300 }),
  "not valid yet": () => external.issuer.token({ nbf: now() + 120 }),
  "no subject": () => external.issuer.token({ sub: undefined }),
  "an empty subject": () => external.issuer.token({ sub: "" }),
  "a subject that no text column can hold": () => external.issuer.token({ sub: "a\u0000b" }),
  "half a surrogate pair as the subject": () => external.issuer.token({ sub: "\ud800" }),
  "a subject of 256 characters": () => external.issuer.token({ sub: "s".repeat(256) }),
  "an unknown critical header": () => external.issuer.token({}, { crit: ["x"], x: 1 }),
  "an ID token by its nonce": () => external.issuer.token({ nonce: "n" }, { typ: "JWT" }),
  "an ID token by its at_hash": () => external.issuer.token({ at_hash: "h" }, { typ: "JWT" }),
  "an ID token by its c_hash": () => external.issuer.token({ c_hash: "h" }, { typ: "JWT" }),
  "an ID token that calls itself an access token": () => external.issuer.token({ nonce: "n" }),
  "an ID token for its own client": () =>
    external.issuer.token({ azp: audience, client_id: undefined, scope: "openid" }, { typ: "JWT" }),
  "neither scope nor client": () => external.issuer.token({ client_id: undefined }, { typ: "JWT" }),
  "Keycloak's ID": () => external.issuer.token({ typ: "ID", azp: "app" }, { typ: "JWT" }),
  "Cognito's id": () => external.issuer.token({ token_use: "id" }, { typ: "JWT" }),
  "a logout token": () => external.issuer.token({}, { typ: "logout+jwt" }),
  "bound to a key of its holder": () => external.issuer.token({ cnf: { jkt: "x" } }),
  "a JWE": async () => `${await external.issuer.token()}.a.b`,
  "an empty JWT": async () => "..",
};

test.for(Object.entries(accepted))("a token is accepted: %s", async ([, token]) => {
  expect(await accepts(await token())).toBe(true);
});

test.for(Object.entries(forged))("a token is rejected: %s", async ([, token]) => {
  expect(await accepts(await token())).toBe(false);
});

test("a token with an algorithm that is not configured is rejected, even with a right signature", async () => {
  const person = await external.asWith({ algorithms: ["RS256", "EdDSA"] }, {});
  expect(await refusal(person.profiles.whoAmI({}))).toMatchObject({ reason: "INVALID_API_KEY" });
});

test("a token of more than 8 KiB is rejected, and a token of up to 8 KiB is accepted", async () => {
  const padded = async (length: number) => {
    const bare = await external.issuer.token({ padding: "" });
    const padding = "x".repeat(Math.floor(((length - bare.length) * 3) / 4));
    return external.issuer.token({ padding });
  };
  const [fits, exceeds] = [await padded(8_190), await padded(8_200)];
  expect([fits.length, exceeds.length].map((length) => length <= 8_192)).toEqual([true, false]);
  await external.app.clientAs(fits).profiles.whoAmI({});
  expect(await refusal(external.app.clientAs(exceeds).profiles.whoAmI({}))).toMatchObject({
    reason: "INVALID_API_KEY",
  });
});

test("an expired token gets the error for expiry, by the clock of the database", async () => {
  const token = await external.issuer.token({ exp: now() - 61 });
  expect(await refusal(external.app.clientAs(token).profiles.whoAmI({}))).toMatchObject({
    code: "Unauthenticated",
    reason: "EXPIRED_SESSION",
  });
  const platform = external.app.clientAs(external.app.platformToken);
  expect(await platform.tokens.verifyToken({ token })).toMatchObject({ verdict: Verdict.EXPIRED });
});

test("an expired token of an unknown person is expired and creates no user", async () => {
  const token = await external.issuer.token({ sub: "late", exp: now() - 61 });
  expect(await refusal(external.app.clientAs(token).accounts.listAccounts({}))).toMatchObject({
    reason: "EXPIRED_SESSION",
  });
  const platform = external.app.clientAs(external.app.platformToken);
  expect(await platform.tokens.verifyToken({ token })).toMatchObject({ verdict: Verdict.INVALID });
});
