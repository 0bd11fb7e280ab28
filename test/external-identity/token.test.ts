import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { exportSPKI, importJWK, SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { refusal } from "../support/errors.ts";
import { join, useOutside } from "../support/oidc/external.ts";
import { audience, startIssuer } from "../support/oidc/issuer.ts";

const outside = useOutside();
const now = () => Math.floor(Date.now() / 1000);
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

// Whoever these tokens are about is known here and may do everything: only the tokens are wrong.
beforeAll(async () => {
  await join(await outside.app.newAccount(), await outside.as(), "admin");
});

async function accepts(token: string): Promise<boolean> {
  const { verdict } = await outside.app.clientAs(outside.app.platformToken).tokens.verifyToken({ token });
  const call = outside.app.clientAs(token).profiles.whoAmI({});
  if (verdict === Verdict.VALID) return (await call) !== undefined;
  expect(verdict).toBe(Verdict.INVALID);
  expect(await refusal(call)).toMatchObject({
    code: "Unauthenticated",
    reason: "INVALID_API_KEY",
    metadata: {},
  });
  return false;
}

// Header and claims as they are, signed with the issuer's key where nothing else is said.
function claims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: outside.issuer.url,
    aud: audience,
    sub: "somebody",
    exp: now() + 300,
    client_id: "app",
    ...more,
  };
}

const accepted: Record<string, () => Promise<string>> = {
  "at+jwt": () => outside.issuer.token(),
  "application/at+jwt": () => outside.issuer.token({}, { typ: "application/at+jwt" }),
  "one of several audiences": () => outside.issuer.token({ aud: ["https://other.test", audience] }),
  "no typ, with a scope": () =>
    outside.issuer.token({ scope: "api", client_id: undefined }, { typ: undefined }),
  "typ JWT of another client": () => outside.issuer.token({ azp: "app" }, { typ: "JWT" }),
  "Keycloak's Bearer": () => outside.issuer.token({ typ: "Bearer", azp: "app" }, { typ: "JWT" }),
  "expired within the skew": () => outside.issuer.token({ exp: now() - 30 }),
  "not yet valid within the skew": () => outside.issuer.token({ nbf: now() + 30 }),
};

const forged: Record<string, () => Promise<string>> = {
  "alg none": async () => `${base64url({ alg: "none", typ: "at+jwt" })}.${base64url(claims())}.`,
  "alg none, with a signature": async () => {
    const [, , signature] = (await outside.issuer.token()).split(".");
    return `${base64url({ alg: "none", typ: "at+jwt" })}.${base64url(claims())}.${signature}`;
  },
  "HS256 with the public key as the secret": async () => {
    const { publicJwk } = outside.issuer.key();
    const key = await importJWK({ ...publicJwk }, "ES256", { extractable: true });
    if (key instanceof Uint8Array) throw new Error("expected a public key");
    const secret = createSecretKey(Buffer.from(await exportSPKI(key)));
    const header = { alg: "HS256", typ: "at+jwt", kid: publicJwk.kid ?? "" };
    return new SignJWT(claims()).setProtectedHeader(header).sign(secret);
  },
  "another key with a known kid": async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const header = { alg: "ES256", typ: "at+jwt", kid: outside.issuer.key().publicJwk.kid ?? "" };
    return new SignJWT(claims()).setProtectedHeader(header).sign(privateKey);
  },
  "its own key in the header": async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwk = publicKey.export({ format: "jwk" });
    return new SignJWT(claims()).setProtectedHeader({ alg: "ES256", typ: "at+jwt", jwk }).sign(privateKey);
  },
  "an unknown kid": () => outside.issuer.token({}, { kid: "nobody's" }),
  "changed claims": async () => {
    const [header, , signature] = (await outside.issuer.token()).split(".");
    return `${header}.${base64url(claims({ sub: "somebody else" }))}.${signature}`;
  },
  "another audience": () => outside.issuer.token({ aud: "https://other.test" }),
  "no audience": () => outside.issuer.token({ aud: undefined }),
  "an unknown issuer": () => outside.issuer.token({ iss: "https://other.test" }),
  "the issuer with a slash": () => outside.issuer.token({ iss: `${outside.issuer.url}/` }),
  "no issuer": () => outside.issuer.token({ iss: undefined }),
  "another issuer's key": async () => {
    const other = await startIssuer();
    const token = await other.token({ iss: outside.issuer.url });
    await other.close();
    return token;
  },
  "no end": () => outside.issuer.token({ exp: undefined }),
  "an end that is no time": () => outside.issuer.token({ exp: 1e300 }),
  "not valid yet": () => outside.issuer.token({ nbf: now() + 120 }),
  "no subject": () => outside.issuer.token({ sub: undefined }),
  "an empty subject": () => outside.issuer.token({ sub: "" }),
  "a subject that no text can hold": () => outside.issuer.token({ sub: "a\u0000b" }),
  "half a character as the subject": () => outside.issuer.token({ sub: "\ud800" }),
  "an endless subject": () => outside.issuer.token({ sub: "s".repeat(256) }),
  "an unknown critical header": () => outside.issuer.token({}, { crit: ["x"], x: 1 }),
  "an ID token by its nonce": () => outside.issuer.token({ nonce: "n" }, { typ: "JWT" }),
  "an ID token by its at_hash": () => outside.issuer.token({ at_hash: "h" }, { typ: "JWT" }),
  "an ID token by its c_hash": () => outside.issuer.token({ c_hash: "h" }, { typ: "JWT" }),
  "an ID token that calls itself an access token": () => outside.issuer.token({ nonce: "n" }),
  "an ID token for its own client": () =>
    outside.issuer.token({ azp: audience, client_id: undefined, scope: "openid" }, { typ: "JWT" }),
  "neither scope nor client": () => outside.issuer.token({ client_id: undefined }, { typ: "JWT" }),
  "Keycloak's ID": () => outside.issuer.token({ typ: "ID", azp: "app" }, { typ: "JWT" }),
  "Cognito's id": () => outside.issuer.token({ token_use: "id" }, { typ: "JWT" }),
  "a logout token": () => outside.issuer.token({}, { typ: "logout+jwt" }),
  "bound to a key of its holder": () => outside.issuer.token({ cnf: { jkt: "x" } }),
  "a JWE": async () => `${await outside.issuer.token()}.a.b`,
  "an empty JWT": async () => "..",
};

test.for(Object.entries(accepted))("accepted: %s", async ([, token]) => {
  expect(await accepts(await token())).toBe(true);
});

test.for(Object.entries(forged))("refused: %s", async ([, token]) => {
  expect(await accepts(await token())).toBe(false);
});

test("refused: an algorithm that is not configured, though the signature is right", async () => {
  const person = await outside.asWith({ algorithms: ["RS256", "EdDSA"] }, {});
  expect(await refusal(person.profiles.whoAmI({}))).toMatchObject({ reason: "INVALID_API_KEY" });
});

test("refused: more than 8 KiB, and nothing below", async () => {
  const padded = async (length: number) => {
    const bare = await outside.issuer.token({ padding: "" });
    const padding = "x".repeat(Math.floor(((length - bare.length) * 3) / 4));
    return outside.issuer.token({ padding });
  };
  const [fits, exceeds] = [await padded(8_190), await padded(8_200)];
  expect([fits.length, exceeds.length].map((length) => length <= 8_192)).toEqual([true, false]);
  await outside.app.clientAs(fits).profiles.whoAmI({});
  expect(await refusal(outside.app.clientAs(exceeds).profiles.whoAmI({}))).toMatchObject({
    reason: "INVALID_API_KEY",
  });
});

test("an expired token is told so, by the clock of the database", async () => {
  const token = await outside.issuer.token({ exp: now() - 61 });
  expect(await refusal(outside.app.clientAs(token).profiles.whoAmI({}))).toMatchObject({
    code: "Unauthenticated",
    reason: "EXPIRED_SESSION",
  });
  const platform = outside.app.clientAs(outside.app.platformToken);
  expect(await platform.tokens.verifyToken({ token })).toMatchObject({ verdict: Verdict.EXPIRED });
});

test("an expired token of somebody unknown is expired to us, and makes nobody known", async () => {
  const token = await outside.issuer.token({ sub: "late", exp: now() - 61 });
  expect(await refusal(outside.app.clientAs(token).accounts.listAccounts({}))).toMatchObject({
    reason: "EXPIRED_SESSION",
  });
  const platform = outside.app.clientAs(outside.app.platformToken);
  expect(await platform.tokens.verifyToken({ token })).toMatchObject({ verdict: Verdict.INVALID });
});
