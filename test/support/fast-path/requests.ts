import fc from "fast-check";
import { bodies, type Form } from "./bodies.ts";

/** A request as sent, down to the pieces of its body and its content-length. */
export interface WireRequest {
  version: 1 | 2;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** The pieces of the body. Empty: the request has no body. */
  chunks: Uint8Array[];
  /** The content-length: exact, wrong by this many bytes, or absent (chunked on HTTP/1.1). */
  length: "exact" | "absent" | number;
}

/** The tokens and accounts that requests are made from. */
export interface Tokens {
  /** The bearers of requests. The first one is a platform key, the second a verifier of an account. */
  bearers: (string | undefined)[];
  /** The tokens that requests verify. */
  subjects: string[];
  accountIds: string[];
}

const service = "/latchkey.v1.TokenService/";
const often = <T>(weight: number, value: T) => ({ weight, arbitrary: fc.constant(value) });
const seldom = <T>(...values: T[]) => ({ weight: 1, arbitrary: fc.constantFrom(...values) });

/** Returns an arbitrary of requests. Most are similar to those that the fast path accepts, with one or two errors. */
export function wireRequests(tokens: Tokens): fc.Arbitrary<WireRequest> {
  return fc
    .record({ form: fc.constantFrom<Form>("json", "json", "proto", "grpc"), batch: fc.boolean() })
    .chain(({ form, batch }) =>
      fc.record({
        form: fc.constant(form),
        version: form === "grpc" ? fc.constantFrom<1 | 2>(2, 2, 2, 1) : fc.constantFrom<1 | 2>(1, 2),
        method: fc.oneof(often(30, "POST"), seldom("GET", "HEAD", "OPTIONS", "PUT", "PATCH")),
        path: fc.oneof(
          often(40, service + (batch ? "BatchVerifyTokens" : "VerifyToken")),
          seldom(
            `${service}VerifyToken?connect=v1`,
            `${service}verifyToken`,
            `${service}VerifyToken/`,
            `${service}WatchTokens`,
          ),
        ),
        type: contentTypes(form),
        headers: extraHeaders(form, tokens.accountIds),
        bearer: fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...tokens.bearers.slice(0, 2)) },
          { weight: 2, arbitrary: fc.constantFrom(...tokens.bearers) },
        ),
        scheme: fc.oneof(often(20, "Bearer "), seldom("bearer  ", "Basic ", "", "Bearer")),
        body: bodies(form, batch, tokens),
        cuts: fc.oneof(often(3, []), { weight: 1, arbitrary: fc.array(fc.nat(300), { maxLength: 4 }) }),
        length: fc.oneof(
          often<WireRequest["length"]>(8, "exact"),
          often<WireRequest["length"]>(4, "absent"),
          seldom<WireRequest["length"]>(-3, 1),
        ),
      }),
    )
    .map(({ type, headers, bearer, scheme, body, cuts, ...request }) => ({
      ...request,
      headers: {
        ...(type !== undefined && { "content-type": type }),
        ...(bearer !== undefined && { authorization: scheme + bearer }),
        ...headers,
      },
      chunks: request.method === "GET" || request.method === "HEAD" ? [] : cut(body, cuts),
    }));
}

/** Returns requests that get the statuses 200, 400, 401, 403, 404, 405 and 415, over both HTTP versions. */
export function oneOfEach({ bearers: [verifier, , powerless], subjects: [token] }: Tokens): WireRequest[] {
  const json = { "content-type": "application/json" };
  const verify = { method: "POST", path: `${service}VerifyToken`, body: JSON.stringify({ token }) };
  const kinds = [
    { ...verify, headers: { ...json, authorization: `Bearer ${verifier}` } },
    { ...verify, headers: { ...json, authorization: `Bearer ${verifier}` }, body: "{" },
    { ...verify, headers: json },
    { ...verify, headers: { ...json, authorization: `Bearer ${powerless}` } },
    { ...verify, headers: { ...json, authorization: `Bearer ${verifier}` }, path: `${service}verifyToken` },
    { ...verify, headers: { authorization: `Bearer ${verifier}` }, method: "PUT" },
    { ...verify, headers: { "content-type": "text/plain" } },
  ];
  return kinds.flatMap(({ body, ...kind }) =>
    ([1, 2] as const).map((version) => ({
      ...kind,
      version,
      chunks: [Buffer.from(body)],
      length: "exact" as const,
    })),
  );
}

const plainTypes: Record<Form, string[]> = {
  json: ["application/json", "application/json", "application/json; charset=utf-8"],
  proto: ["application/proto"],
  grpc: ["application/grpc", "application/grpc+proto"],
};

function contentTypes(form: Form): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom<string | undefined>(...plainTypes[form]) },
    seldom(
      undefined,
      "",
      "Application/JSON",
      "application/json;charset=UTF-8",
      "application/json; charset=latin1",
      "application/json; charset=utf-8; x=y",
      "application/connect+json",
      "application/grpc-web+proto",
      "application/grpc+json",
      "application/GRPC",
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/protobuf",
    ),
  );
}

function extraHeaders(form: Form, accountIds: string[]): fc.Arbitrary<Record<string, string>> {
  const timeouts =
    form === "grpc"
      ? ["1S", "0m", "1n", "99999999H", "1", "-1S", "1s", "123456789S", ""]
      : ["1000", "0", "1", "600000", "600001", "9999999999", "99999999999", "-1", "1.5", "soon", ""];
  const accepted = ["gzip", "gzip, br", "identity", "gzip;q=0.5, identity;q=0", "br", "deflate,gzip", ""];
  const encodings = ["gzip", "identity", "br", ""];
  const grpc = form === "grpc";
  return fc
    .record({
      [grpc ? "grpc-timeout" : "connect-timeout-ms"]: maybe(4, timeouts),
      [grpc ? "connect-timeout-ms" : "grpc-timeout"]: maybe(20, timeouts),
      [grpc ? "grpc-accept-encoding" : "accept-encoding"]: maybe(2, accepted),
      [grpc ? "grpc-encoding" : "content-encoding"]: maybe(12, encodings),
      "connect-protocol-version": maybe(4, ["1", "2"]),
      "latchkey-account": maybe(6, ["acct_1", " ", ...accountIds]),
      origin: maybe(4, ["https://console.example", "https://evil.example"]),
      "access-control-request-method": maybe(20, ["POST"]),
      te: maybe(4, ["trailers"]),
      "x-extra": maybe(10, ["a", "é\u00ff"]),
      "user-agent": maybe(4, ["grpc-node/1", ""]),
      expect: maybe(40, ["100-continue"]),
    })
    .map((headers) => {
      const present = Object.entries(headers).filter((entry) => entry[1] !== undefined);
      return Object.fromEntries(present) as Record<string, string>;
    });
}

// One of these values, or `weight` times as often undefined.
function maybe(weight: number, values: string[]): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}

function cut(body: Uint8Array, cuts: number[]): Uint8Array[] {
  const at = [...new Set(cuts.filter((one) => one > 0 && one < body.length))].sort((a, b) => a - b);
  const edges = [0, ...at, body.length];
  const chunks = at.map((end, index) => body.subarray(edges[index], end));
  return [...chunks, body.subarray(at.at(-1) ?? 0)];
}
