import { afterEach, beforeEach, expect, test, vi } from "vitest";
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

/** Lets the time pass for which a fetch waits. */
function nextFetch(): void {
  const [pause] = pauses.splice(0);
  if (!pause) throw new Error("nothing waits to be fetched");
  expect(pause.ms).toBeLessThanOrEqual(5_000);
  time += pause.ms;
  pause.end();
}

const unavailable = { reason: "UNAVAILABLE" };
const good = { identity: { subject: "somebody" } };

test("keys are fetched once for any number of tokens", async () => {
  const token = await issuer.token();
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
  time = 9 * minute;
  expect(await verifier.verify(token)).toMatchObject(good);
  expect(issuer.fetches()).toBe(1);
});

test("a new key is fetched when a token names it, and an old one is not accepted any more", async () => {
  const old = await issuer.token();
  expect(await verifier.verify(old)).toMatchObject(good);
  await issuer.rollOver();
  expect(await verifier.verify(await issuer.token())).toMatchObject(good);
  expect(await verifier.verify(old)).toBeUndefined();
});

test("a key that its issuer took back is not accepted for longer than ten minutes", async () => {
  const old = await issuer.token();
  expect(await verifier.verify(old)).toMatchObject(good);
  await issuer.rollOver();
  time = 10 * minute + 1;
  expect(await verifier.verify(old)).toBeUndefined();
});

const madeUp = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => issuer.token({}, { kid: `made-up-${index}` })));

test("a flood of unknown key ids makes five fetches at once and then one every five seconds", async () => {
  const tokens = await madeUp(5);
  for (const token of tokens.slice(0, 5)) expect(await verifier.verify(token)).toBeUndefined();
  expect(issuer.fetches()).toBe(5);
  for (let more = 1; more <= 3; more++) {
    const answers = tokens.map((token) => verifier.verify(token));
    await vi.waitFor(() => expect(pauses).toHaveLength(1));
    expect(issuer.fetches()).toBe(4 + more);
    // Good tokens pass all the while.
    expect(await verifier.verify(await issuer.token())).toMatchObject(good);
    nextFetch();
    expect(await Promise.all(answers)).toEqual(Array(5).fill(undefined));
    expect(issuer.fetches()).toBe(5 + more);
  }
});

test("a flood of unknown key ids cannot keep a new key from being fetched within five seconds", async () => {
  const tokens = await madeUp(80);
  for (const token of tokens.slice(0, 5)) expect(await verifier.verify(token)).toBeUndefined();
  await issuer.rollOver();
  const early = verifier.verify(await issuer.token());
  const flood = Promise.allSettled(tokens.map((token) => verifier.verify(token)));
  await vi.waitFor(() => expect(pauses).toHaveLength(1));
  // Nobody can tell it from the flood yet: its holder may try again, and is not refused.
  await expect(verifier.verify(await issuer.token())).rejects.toMatchObject(unavailable);
  nextFetch();
  expect(await early).toMatchObject(good);
  expect(await verifier.verify(await issuer.token())).toMatchObject(good);
  expect(issuer.fetches()).toBe(6);
  const answers = await flood;
  expect(answers.filter((one) => one.status === "rejected")).toHaveLength(80 - 63);
});

test("a key that its issuer publishes while its keys are being fetched is not missed", async () => {
  await verifier.verify(await issuer.token());
  const [unknown = ""] = await madeUp(1);
  const late = issuer.holdNext();
  const first = verifier.verify(unknown);
  await late.arrived;
  await issuer.rollOver();
  const second = verifier.verify(await issuer.token());
  late.go();
  expect(await first).toBeUndefined();
  expect(await second).toMatchObject(good);
});

test("a token that cannot be right costs no fetch", async () => {
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

test("garbage, forgeries and unknown issuers cost no question to the database", async () => {
  const nowhere = new Proxy({} as Loader, { get: () => expect.fail("asked the database") });
  const resolver = createResolver(nowhere, verifier, {
    tokenPrefix: "lk",
    sessionIdleMs: minute,
    bounds: { permissionsPerPrincipal: 2_000 },
  });
  const question = {
    accountId: "",
    workspaceId: "",
    permissions: [],
    entitlements: [],
    environment: undefined,
    caller: "somebody",
    fresh: false,
  };
  const tokens = [
    "a.b.c",
    await issuer.token({ iss: "https://other.test" }),
    await issuer.token({ aud: "x" }),
  ];
  for (const { failures: failed } of await resolver.resolve(
    tokens.map((token) => ({ ...question, token })),
  )) {
    expect(failed).toEqual([{ verdict: "INVALID", metadata: {} }]);
  }
});

test("without its issuer's keys no token is judged, and the issuer is not pestered", async () => {
  issuer.breakWith({ status: 500 });
  const token = await issuer.token();
  for (let i = 0; i < 20; i++) await expect(verifier.verify(token)).rejects.toMatchObject(unavailable);
  expect(failures).toHaveLength(5);
  issuer.breakWith(undefined);
  time = 5_000;
  expect(await verifier.verify(token)).toMatchObject(good);
});

test("known keys serve an hour while the issuer is away; an unknown one might be new", async () => {
  const token = await issuer.token();
  await verifier.verify(token);
  issuer.breakWith({ status: 503 });
  time = 59 * minute;
  expect(await verifier.verify(token)).toMatchObject(good);
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
    "an endless answer",
    () =>
      JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, padding: "x".repeat(300 * 1024) }),
  ],
];

test.for(unusable)("unusable: %s", async ([, body]) => {
  issuer.breakWith({ body: body() });
  await expect(verifier.verify(await issuer.token())).rejects.toMatchObject(unavailable);
  expect(issuer.fetches()).toBe(0);
});

test("keys are never asked for over http where the issuer speaks https", async () => {
  const asked: string[] = [];
  const real = globalThis.fetch;
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return Response.json({ issuer: "https://issuer.test", jwks_uri: "http://issuer.test/jwks" });
  };
  try {
    const keys = createIssuerKeys("https://issuer.test", { onFailure: () => {} });
    const jws = { payload: "", signature: "" };
    await expect(keys({ alg: "ES256" }, jws)).rejects.toMatchObject(unavailable);
  } finally {
    globalThis.fetch = real;
  }
  expect(asked).toEqual(["https://issuer.test/.well-known/openid-configuration"]);
});

test("a caller is told to try again while an issuer's keys cannot be had", async () => {
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
