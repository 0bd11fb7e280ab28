import { afterEach, beforeEach, expect, test } from "vitest";
import { parseOidcSetting } from "../../src/config/oidc-setting.ts";
import type { Loader } from "../../src/verify/cache/loader.ts";
import { createIssuerKeys } from "../../src/verify/oidc/issuer-keys.ts";
import { createOidcVerifier, type OidcVerifier } from "../../src/verify/oidc/oidc.ts";
import { createResolver } from "../../src/verify/resolve.ts";
import { startApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { issuersEnv } from "../support/oidc/external.ts";
import { startIssuer, type TestIssuer } from "../support/oidc/issuer.ts";

const minute = 60_000;
let issuer: TestIssuer;
let verifier: OidcVerifier;
let time: number;
const failures: unknown[] = [];
const pauses: { ms: number; end(): void }[] = [];

beforeEach(async () => {
  issuer = await startIssuer();
  time = 0;
  failures.length = 0;
  pauses.length = 0;
  const { issuers } = parseOidcSetting(issuersEnv({ issuer: issuer.url }).LATCHKEY_OIDC_ISSUERS ?? "");
  verifier = createOidcVerifier(issuers, {
    onFailure: (_, error) => failures.push(error),
    clock: () => time,
    pause: (ms) => new Promise((resolve) => pauses.push({ ms, end: resolve })),
  });
});
afterEach(() => issuer.close());

/** Advances the time until the next fetch may begin. */
function nextFetch(): void {
  const [pause] = pauses.splice(0);
  if (!pause) throw new Error("no fetch is waiting");
  expect(pause.ms).toBeLessThanOrEqual(5_000);
  time += pause.ms;
  pause.end();
}

const unavailable = { reason: "UNAVAILABLE" };
const valid = { identity: { subject: "a person" } };

test("keys are fetched once for any number of tokens", async () => {
  const token = await issuer.token();
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
  time = 9 * minute;
  expect(await verifier.verify(token)).toMatchObject(valid);
  expect(issuer.fetches()).toBe(1);
});

test("a new key is fetched when a token names it, and the old key is then rejected", async () => {
  const old = await issuer.token();
  expect(await verifier.verify(old)).toMatchObject(valid);
  await issuer.rollOver();
  expect(await verifier.verify(await issuer.token())).toMatchObject(valid);
  expect(await verifier.verify(old)).toBeUndefined();
});

test("a key that its issuer withdrew is rejected after ten minutes", async () => {
  const old = await issuer.token();
  expect(await verifier.verify(old)).toMatchObject(valid);
  await issuer.rollOver();
  time = 10 * minute + 1;
  expect(await verifier.verify(old)).toBeUndefined();
});

const madeUp = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => issuer.token({}, { kid: `made-up-${index}` })));

test("a flood of unknown key ids causes five fetches at once, and then one every five seconds", async () => {
  const tokens = await madeUp(5);
  for (const token of tokens.slice(0, 5)) expect(await verifier.verify(token)).toBeUndefined();
  expect(issuer.fetches()).toBe(5);
  for (let more = 1; more <= 3; more++) {
    const results = tokens.map((token) => verifier.verify(token));
    await expect.poll(() => pauses).toHaveLength(1);
    expect(issuer.fetches()).toBe(4 + more);
    // Meanwhile, valid tokens pass.
    expect(await verifier.verify(await issuer.token())).toMatchObject(valid);
    nextFetch();
    expect(await Promise.all(results)).toEqual(Array(5).fill(undefined));
    expect(issuer.fetches()).toBe(5 + more);
  }
});

test("a new key is fetched within five seconds during a flood of unknown key ids", async () => {
  const tokens = await madeUp(80);
  for (const token of tokens.slice(0, 5)) expect(await verifier.verify(token)).toBeUndefined();
  await issuer.rollOver();
  const early = verifier.verify(await issuer.token());
  const flood = Promise.allSettled(tokens.map((token) => verifier.verify(token)));
  await expect.poll(() => pauses).toHaveLength(1);
  // The server cannot tell this token from the flood yet. Its holder may retry, and gets no negative verdict.
  await expect(verifier.verify(await issuer.token())).rejects.toMatchObject(unavailable);
  nextFetch();
  expect(await early).toMatchObject(valid);
  expect(await verifier.verify(await issuer.token())).toMatchObject(valid);
  expect(issuer.fetches()).toBe(6);
  const results = await flood;
  expect(results.filter((one) => one.status === "rejected")).toHaveLength(80 - 63);
});

test("a key that its issuer publishes during a fetch is found", async () => {
  await verifier.verify(await issuer.token());
  const [unknown = ""] = await madeUp(1);
  const late = issuer.holdNext();
  const first = verifier.verify(unknown);
  await late.arrived;
  await issuer.rollOver();
  const second = verifier.verify(await issuer.token());
  late.go();
  expect(await first).toBeUndefined();
  expect(await second).toMatchObject(valid);
});

test("a token that cannot be valid causes no fetch", async () => {
  const [, body] = (await issuer.token()).split(".");
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
  const symmetric = Buffer.from('{"alg":"HS256","typ":"at+jwt"}').toString("base64url");
  for (const token of [
    `${none}.${body}.`,
    `${symmetric}.${body}.AAAA`,
    await issuer.token({}, { typ: "logout+jwt" }),
  ]) {
    expect(await verifier.verify(token)).toBeUndefined();
  }
  expect(issuer.fetches()).toBe(0);
});

test("garbage, forged tokens and tokens of unknown issuers cause no look-up in the database", async () => {
  const nowhere = new Proxy({} as Loader, { get: () => expect.fail("the resolver looked up a token") });
  const resolver = createResolver(nowhere, verifier, {
    tokenPrefix: "lk",
    sessionIdleMs: minute,
    bounds: { permissionsPerPrincipal: 2_000 },
  });
  const request = {
    accountId: "",
    workspaceId: "",
    permissions: [],
    entitlements: [],
    environment: undefined,
    caller: "a person",
    fresh: false,
  };
  const tokens = [
    "a.b.c",
    await issuer.token({ iss: "https://other.test" }),
    await issuer.token({ aud: "x" }),
  ];
  for (const { failures: failed } of await resolver.resolve(tokens.map((token) => ({ ...request, token })))) {
    expect(failed).toEqual([{ verdict: "INVALID", metadata: {} }]);
  }
});

test("without the issuer's keys, tokens get UNAVAILABLE, and the fetches stay limited", async () => {
  issuer.breakWith({ status: 500 });
  const token = await issuer.token();
  for (let i = 0; i < 20; i++) await expect(verifier.verify(token)).rejects.toMatchObject(unavailable);
  expect(failures).toHaveLength(5);
  issuer.breakWith(undefined);
  time = 5_000;
  expect(await verifier.verify(token)).toMatchObject(valid);
});

test("known keys are used for an hour while the issuer is unreachable, and an unknown key gets UNAVAILABLE", async () => {
  const token = await issuer.token();
  await verifier.verify(token);
  issuer.breakWith({ status: 503 });
  time = 59 * minute;
  expect(await verifier.verify(token)).toMatchObject(valid);
  await expect(verifier.verify(await issuer.token({}, { kid: "new" }))).rejects.toMatchObject(unavailable);
  time = 60 * minute + 1;
  await expect(verifier.verify(token)).rejects.toMatchObject(unavailable);
});

const unusable: [string, () => string][] = [
  [
    "another issuer's discovery document",
    () => JSON.stringify({ issuer: "https://other.test", jwks_uri: `${issuer.url}/jwks` }),
  ],
  ["keys from a file", () => JSON.stringify({ issuer: issuer.url, jwks_uri: "file:///etc/passwd" })],
  ["no JSON", () => "<html>"],
  [
    "a response that is too large",
    () =>
      JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, padding: "x".repeat(300 * 1024) }),
  ],
];

test.for(unusable)("keys are not fetched through %s", async ([, body]) => {
  issuer.breakWith({ body: body() });
  await expect(verifier.verify(await issuer.token())).rejects.toMatchObject(unavailable);
  expect(issuer.fetches()).toBe(0);
});

test("the keys of an https issuer are never fetched over http", async () => {
  const fetched: string[] = [];
  const real = globalThis.fetch;
  globalThis.fetch = async (url) => {
    fetched.push(String(url));
    return Response.json({ issuer: "https://issuer.test", jwks_uri: "http://issuer.test/jwks" });
  };
  try {
    const keys = createIssuerKeys("https://issuer.test", { onFailure: () => {} });
    const jws = { payload: "", signature: "" };
    await expect(keys({ alg: "ES256" }, jws)).rejects.toMatchObject(unavailable);
  } finally {
    globalThis.fetch = real;
  }
  expect(fetched).toEqual(["https://issuer.test/.well-known/openid-configuration"]);
});

test("a caller gets UNAVAILABLE with a retry hint while the issuer's keys cannot be fetched", async () => {
  const { app, end } = await startApp(issuersEnv({ issuer: issuer.url }));
  issuer.breakWith({ status: 500 });
  const token = await issuer.token();
  const calls = [
    () => app.clientAs(token).profiles.whoAmI({}),
    () => app.clientAs(app.platformToken).tokens.verifyToken({ token }),
  ];
  for (const call of calls) {
    expect(await refusal(call())).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE", retry: true });
  }
  await end();
});
