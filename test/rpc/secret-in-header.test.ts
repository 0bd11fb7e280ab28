import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { gunzipSync } from "node:zlib";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { expect, onTestFinished, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { overHttp1, overHttp2, type WireResponse } from "../support/fast-path/exchange.ts";
import type { WireRequest } from "../support/fast-path/requests.ts";
import { serve } from "../support/net/http.ts";
import { sampled } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

// An unsigned JWT, and a secret without a recognisable form.
const jwt =
  "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEiLCJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.c2lnbmF0dXJlLW9mLW5vYm9keQ";
const opaque = "Zq7vN2xLw9KcR4tYbM1pD8sHgJ6fA3eU5iO0Zq7vN2xLw9Kc";

const verify = "/latchkey.v1.TokenService/VerifyToken";
const ordinary = "/latchkey.v1.ProfileService/WhoAmI";
const stream = "/grpc.health.v1.Health/Watch";

/** One way to call a method. */
interface Protocol {
  type: string;
  version: 1 | 2;
  path: string;
  body: Uint8Array;
}

const json = new TextEncoder().encode("{}");
const nothing = new Uint8Array(0);
const framed = encodeEnvelope(0, nothing);
// This is not a message, so it ends a stream.
const broken = encodeEnvelope(0, new Uint8Array([0xff]));

const protocols: Protocol[] = ([1, 2] as const).flatMap((version) => [
  ...[verify, ordinary].flatMap((path) => [
    { type: "application/json", version, path, body: json },
    { type: "application/proto", version, path, body: nothing },
    { type: "application/grpc", version, path, body: framed },
    { type: "application/grpc-web+proto", version, path, body: framed },
  ]),
  { type: "application/connect+json", version, path: stream, body: broken },
  { type: "application/connect+proto", version, path: stream, body: broken },
  { type: "application/grpc+proto", version, path: stream, body: broken },
]);

// Every header that Latchkey or Connect reads, and one that neither reads.
const headers = [
  "accept",
  "accept-encoding",
  "access-control-request-method",
  "connect-accept-encoding",
  "connect-content-encoding",
  "connect-protocol-version",
  "connect-timeout-ms",
  "content-encoding",
  "content-type",
  "expect",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-timeout",
  "host",
  "latchkey-account",
  "origin",
  "te",
  "user-agent",
  "x-forwarded-for",
  "x-request-id",
  "x-unknown",
];

async function openServer() {
  const server = await serve(app);
  const session = connectHttp2(server.url);
  session.on("error", () => {});
  await once(session, "connect");
  onTestFinished(() => session.destroy());
  return async (request: WireRequest): Promise<WireResponse[]> => {
    const bearer = { authorization: `Bearer ${app.platformToken}` };
    const all = { ...request, headers: { ...bearer, ...request.headers } };
    return request.version === 1 ? overHttp1(server.port, [all]) : [await overHttp2(session, all)];
  };
}

/** Returns all text of a response, with compressed and base64 parts decoded. */
function textOf({ status, headers, body, trailers, ended }: WireResponse): string {
  const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  const text = [status, ended, JSON.stringify({ headers, trailers }), plain.toString("latin1")].join("\n");
  const decoded =
    text.match(/[A-Za-z0-9+/_-]{16,}/g)?.map((one) => Buffer.from(one, "base64").toString()) ?? [];
  return [text, decodeURIComponent(text.replace(/%(?![0-9A-Fa-f]{2})/g, "%25")), ...decoded].join("\n");
}

/** Returns secrets, and header values that contain them. */
async function secrets(): Promise<{ secret: string; value: string }[]> {
  const { token } = await issueKey(await app.newAccount());
  const values = [token, `Bearer ${token}`, `1${token}`, `gzip, ${token}`];
  return [
    ...values.map((value) => ({ secret: token, value })),
    { secret: jwt, value: jwt },
    { secret: opaque, value: `1${opaque}` },
  ];
}

// Some headers cannot be sent.
function isSendable(name: string, version: number): boolean {
  return version === 1 || (name !== "te" && name !== "expect");
}

test.each(headers)("a secret in the header %s is in no response and no line of the log", async (name) => {
  const send = await openServer();
  const logged = app.logLines.length;
  const all = await secrets();
  const calls = protocols.flatMap((protocol, at) =>
    sampled(all, 1, headers.indexOf(name) * protocols.length + at).map((one) => ({ ...protocol, ...one })),
  );
  await Promise.all(
    calls.map(async ({ secret, value, version, type, path, body }) => {
      if (!isSendable(name, version)) return;
      const headers = { "content-type": type, ...(version === 2 && { te: "trailers" }), [name]: value };
      const request = { version, path, method: "POST", headers, chunks: [body], length: "exact" } as const;
      const [response, ...more] = await send({ ...request, chunks: [body] });
      if (!response || more.length > 0) throw new Error("expected one response");
      expect(response.ended, `${type} to ${path}`).not.toBe("silence");
      expect(textOf(response), `${type} to ${path} over HTTP/${version}`).not.toContain(secret);
    }),
  );
  const log = app.logLines.slice(logged).join("");
  for (const { secret } of all) expect(log).not.toContain(secret);
});

test("a secret in the path or the query is in no response and no line of the log", async () => {
  const send = await openServer();
  const logged = app.logLines.length;
  const get = "/grpc.health.v1.Health/Check";
  const all = await secrets();
  for (const { secret } of all) {
    const paths = [
      `/${secret}`,
      `${verify}/${secret}`,
      `${verify}?access_token=${secret}`,
      `${get}?connect=${secret}&encoding=json&message=%7B%7D`,
      `${ordinary}?encoding=json&message=%7B%7D&connect=${secret}`,
      `${ordinary}?encoding=json&message=%7B%7D&connect=v1&connect=${secret}`,
      `${ordinary}?encoding=json&message=%7B%7D&connect=v1&compression=${secret}`,
      `${ordinary}?encoding=json&message=%7B%7D&connect=v1&base64=${secret}`,
      `${ordinary}?connect=v1&encoding=${secret}&message=%7B%7D`,
      `${ordinary}?connect=v1&encoding=json&message=${secret}`,
      `${ordinary}?connect=v1&encoding=proto&base64=1&message=${secret}`,
      `${ordinary}?connect=v1&encoding=json&message=%7B%22${secret}%22%3A1%7D`,
    ];
    for (const path of paths) {
      const type = { "content-type": "application/json" };
      const requests = ([1, 2] as const).flatMap((version): WireRequest[] => [
        { version, path, method: "GET", headers: {}, chunks: [], length: "exact" },
        { version, path, method: "POST", headers: type, chunks: [json], length: "exact" },
      ]);
      for (const responses of await Promise.all(requests.map(send))) {
        expect(responses.map(textOf).join("\n"), path).not.toContain(secret);
      }
    }
  }
  const log = app.logLines.slice(logged).join("");
  for (const { secret } of all) expect(log).not.toContain(secret);
});

test("the server still reads these headers and their valid values", async () => {
  const send = await openServer();
  const right = {
    "connect-timeout-ms": "5000",
    "connect-protocol-version": "1",
    "content-encoding": "identity",
  };
  const wrong = { "connect-timeout-ms": "600001" };
  for (const version of [1, 2] as const) {
    const post = { version, path: ordinary, method: "POST", chunks: [json], length: "exact" } as const;
    const request = { ...post, chunks: [json] };
    const type = { "content-type": "application/json" };
    const [good] = await send({ ...request, headers: { ...type, ...right } });
    expect(good?.status).toBe(200);
    const [late] = await send({ ...request, headers: { ...type, ...wrong } });
    expect(late?.body.toString()).toContain("timeout 600001ms must be <= 600000");
    const [odd] = await send({ ...request, headers: { ...type, "connect-timeout-ms": "soon" } });
    expect(odd?.body.toString()).toContain("invalid connect timeout value: (malformed)");
  }
});
