import fc from "fast-check";
import { expect, test } from "vitest";
import { createOwnOrigin } from "../../src/net/console/own-origin.ts";
import { sessionCookiesIn } from "../../src/net/console/session-cookie.ts";
import type { Request } from "../../src/net/request.ts";
import { issueKey, startOnPools, useApp } from "../support/app.ts";
import { sendRaw } from "../support/http-json/raw.ts";
import { cookieName, fromOwnPage, openBrowser } from "../support/net/console.ts";
import { serve } from "../support/net/http.ts";
import { runs } from "../support/random.ts";

const app = useApp({ LATCHKEY_CORS_ORIGINS: "*" });

// Each list begins with the value of a page of this server. `$` stands for the origin or for the session.
const values = {
  method: ["POST", "GET", "PUT"],
  "latchkey-console": ["1", undefined, "0", "1, 1", "true"],
  "sec-fetch-site": ["same-origin", undefined, "same-site", "cross-site", "none"],
  origin: ["$", undefined, "null", "http://127.0.0.1:1", "https://evil.example", "$/", "$.evil.example"],
  cookie: [
    `${cookieName}=$`,
    undefined,
    `a=b; ${cookieName}=$`,
    `${cookieName}=$; ${cookieName}=$`,
    `${cookieName}=$; ${cookieName}=`,
    `a=b;\t${cookieName}=$`,
    "latchkey-session=$",
  ],
  "content-type": ["application/json", "text/plain", "application/json; charset=utf-8", "application/jsonp"],
  authorization: [undefined, "Bearer lk_ses_x", "Basic x", ""],
  "x-api-key": [undefined, "x"],
};
type Name = keyof typeof values;
// The other values with which the request is still one of the console.
const alsoRight: [Name, string | undefined][] = [
  ["sec-fetch-site", undefined],
  ["origin", undefined],
  ["cookie", `a=b; ${cookieName}=$`],
  ["content-type", "application/json; charset=utf-8"],
];
const names = Object.keys(values) as Name[];
const anyOf = (name: Name) => {
  const [first, ...others] = values[name];
  return fc.oneof({ weight: 4, arbitrary: fc.constant(first) }, fc.constantFrom(...others));
};
const requests = fc.record(Object.fromEntries(names.map((name) => [name, anyOf(name)])));

test("no request is authenticated by the cookie unless it meets every condition", async () => {
  const scene = await openBrowser(app);
  const path = "/latchkey.v1.ProfileService/WhoAmI";
  let authenticated = 0;
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      const isRight = names.every(
        (name) =>
          request[name] === values[name][0] ||
          alsoRight.some(([one, value]) => one === name && request[name] === value),
      );
      const isFromKnownPage = request["sec-fetch-site"] !== undefined || request.origin !== undefined;
      const { method = "", ...changed } = request;
      const headers = Object.fromEntries(
        Object.entries(changed)
          .filter((entry): entry is [string, string] => entry[1] !== undefined)
          .map(([name, value]) => [name, value.replaceAll("$", name === "origin" ? scene.url : scene.token)]),
      );
      const query = method === "GET" ? "?connect=v1&encoding=json&message=%7B%7D" : "";
      const body = method === "GET" ? undefined : "{}";
      const { status, json } = await scene.send({ method, path: path + query, headers, body });
      const expected = isRight && isFromKnownPage;
      if (expected) authenticated += 1;
      expect(status === 200).toBe(expected);
      expect(JSON.stringify(json ?? "").includes("A person")).toBe(expected);
    }),
    { numRuns: runs(150) },
  );
  expect(authenticated).toBeGreaterThan(0);
});

test("a verification that was kept for a bearer is refused on a foreign page too", async () => {
  const scene = await openBrowser(app);
  const { token } = await issueKey(app.clientAs(app.platformToken), {
    spec: { permissions: ["tokens:verify"] },
  });
  const verify = (headers: Record<string, string>) =>
    scene.send({
      path: "/latchkey.v1.TokenService/VerifyToken",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers },
      body: JSON.stringify({ token: scene.token }),
    });
  for (let call = 0; call < 3; call += 1) expect((await verify({})).status).toBe(200);
  expect((await verify({ ...fromOwnPage, "sec-fetch-site": "same-site" })).status).toBe(403);
});

test("a cookie is found only under its exact name, and every one of them", () => {
  const other = fc.stringMatching(/^[\w=\- \t\u00a0]{0,40}$/).filter((one) => !one.includes(cookieName));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(other, fc.constantFrom(`${cookieName}=x`, ` ${cookieName}=x`))),
      (pairs) => {
        const expected = pairs.filter((pair) => pair.trim() === `${cookieName}=x`).length;
        expect(sessionCookiesIn(pairs.join(";"))).toEqual(Array(expected).fill("x"));
      },
    ),
  );
});

function originOf(
  settings: { publicUrl?: string; trustedProxies?: string[] },
  headers: Record<string, string>,
  socket: { remoteAddress: string; encrypted?: boolean } = { remoteAddress: "10.0.0.1" },
) {
  const { publicUrl, trustedProxies = [] } = settings;
  return createOwnOrigin({ publicUrl, trustedProxies })({ headers, socket } as unknown as Request);
}

const behind = { trustedProxies: ["10.0.0.0/8"] };
const https = { "x-forwarded-proto": "https" };

test.each([
  ["the host of the request", {}, { host: "a.example:8080" }, undefined, "http://a.example:8080"],
  ["without the standard port", {}, { host: "A.example:80" }, undefined, "http://a.example"],
  [
    "https with TLS",
    {},
    { host: "a.example" },
    { remoteAddress: "1.1.1.1", encrypted: true },
    "https://a.example",
  ],
  ["not what a client forwards", {}, { host: "a.example", ...https }, undefined, "http://a.example"],
  ["the scheme of a trusted proxy", behind, { host: "a.example", ...https }, undefined, "https://a.example"],
  [
    "the host of a trusted proxy",
    behind,
    { host: "inner", "x-forwarded-host": "a.example", ...https },
    { remoteAddress: "::ffff:10.1.2.3" },
    "https://a.example",
  ],
  [
    "not several hosts",
    behind,
    { host: "i", "x-forwarded-host": "evil.example, a.example" },
    undefined,
    undefined,
  ],
  ["not several schemes", behind, { host: "i", "x-forwarded-proto": "https,http" }, undefined, undefined],
  ["not another scheme", behind, { host: "i", "x-forwarded-proto": "javascript" }, undefined, undefined],
  ["not a user in the host", {}, { host: "a@evil.example" }, undefined, undefined],
  ["not a missing host", {}, {}, undefined, undefined],
  [
    "the setting alone",
    { ...behind, publicUrl: "https://k.example" },
    { host: "a.example", ...https },
    undefined,
    "https://k.example",
  ],
])("the own origin is %s", (_, settings, headers, socket, expected) => {
  expect(originOf(settings, headers as Record<string, string>, socket)).toBe(expected);
});

test("with LATCHKEY_PUBLIC_URL, a page that reaches the server under another name cannot act", async () => {
  const { app: beside, end } = await startOnPools(app, { LATCHKEY_PUBLIC_URL: "https://keys.example" });
  try {
    const { url } = await serve(beside);
    const { token } = await app.newAccount();
    const whoAmI = (origin: string) =>
      sendRaw(url, 1, {
        method: "POST",
        path: "/latchkey.v1.ProfileService/WhoAmI",
        headers: { ...fromOwnPage, origin, cookie: `${cookieName}=${token}` },
        body: "{}",
      });
    expect((await whoAmI("https://keys.example")).status).toBe(200);
    expect((await whoAmI(url)).status).toBe(403);
  } finally {
    await end();
  }
});
