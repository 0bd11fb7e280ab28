import { create, type DescMethodUnary, getOption, type JsonObject, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import { startApp } from "../../support/app.ts";
import { messages } from "../../support/http-json/arbitrary.ts";
import { plainBodyOf, plainErrorOf } from "../../support/http-json/compare.ts";
import { openEchoPort } from "../../support/http-json/echo.ts";
import { type RawRequest, sendRaw } from "../../support/http-json/raw.ts";
import { plainRequestOf } from "../../support/http-json/request.ts";
import { pathOf, serve } from "../../support/net/http.ts";
import { runs } from "../../support/random.ts";
import { methods } from "../../support/schema/requests.ts";

const inJson = { "content-type": "application/json" };
const unary = methods as DescMethodUnary[];

/** The fields that the path of a route has. They are never empty, because an empty segment matches no template. */
function pathFieldsOf(method: DescMethodUnary): string[] {
  const { pattern } = getOption(method, http);
  return [...(pattern.value ?? "").matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

const calls = fc.constantFrom(...unary).chain((method) =>
  fc.record({
    method: fc.constant(method),
    message: fc.oneof(
      messages(method.input, "usual", pathFieldsOf(method)),
      messages(method.input, "any", pathFieldsOf(method)),
    ),
    spelling: fc.record({ isSnake: fc.boolean(), repeatsPath: fc.boolean() }),
    version: fc.constantFrom<1 | 2>(1, 1, 1, 2),
  }),
);

test("generated requests have the same message and the same answer over plain HTTP as over Connect", async () => {
  const { url, seen } = await openEchoPort();
  const send = async (version: 1 | 2, request: RawRequest) => {
    seen.message = undefined;
    const { status, json } = await sendRaw(url, version, { headers: inJson, ...request });
    return { status, json: json as JsonObject, message: seen.message };
  };
  await fc.assert(
    fc.asyncProperty(calls, async ({ method, message, spelling, version }) => {
      const body = toJsonString(method.input, message);
      const connect = await send(version, { method: "POST", path: pathOf(method), body });
      const plain = await send(version, plainRequestOf(method, message, spelling));
      if (connect.status === 200) {
        expect(withoutMask(plain.message)).toEqual(withoutMask(connect.message));
        expect([plain.status, plain.json]).toEqual([200, plainBodyOf(method, connect.json)]);
      } else expect({ status: plain.status, json: plain.json }).toEqual(plainErrorOf(connect));
      expect(seen.bugs).toEqual([]);
    }),
    { numRuns: runs(150, 33) },
  );
});

// A PATCH without a mask gets one from its body. A PATCH with an empty one too.
function withoutMask(message: unknown): unknown {
  const { updateMask, ...rest } = (message ?? {}) as JsonObject;
  return rest;
}

const plainRoutes = unary.filter((method) => {
  const { body, pattern } = getOption(method, http);
  return body === "*" && pathFieldsOf(method).length === 0 && pattern.case === "post";
});

// In an error, an unknown name with a dot looks like a path, whose names the comparison changes to those of JSON.
function hasNameWithDot(text: string): boolean {
  let found = false;
  JSON.parse(text, (name, value) => {
    found ||= name.includes(".");
    return value;
  });
  return found;
}

const oddJson = fc.oneof(
  fc.json().filter((text) => !hasNameWithDot(text)),
  fc.constantFrom(
    "",
    "null",
    "[]",
    "{",
    '"',
    "{}{}",
    "\ufeff{}",
    '{"a":1,"a":2}',
    `${"[".repeat(600)}`,
    "1e999",
    " {} ",
  ),
  fc.string(),
);
const damaged = fc.constantFrom(...plainRoutes).chain((method) => {
  const valid = messages(method.input, "any").map((message) => toJsonString(method.input, message));
  const odd = fc
    .tuple(valid, fc.nat(), fc.constantFrom('"', "{", "}", "\\", "1", "\u0000", "é", ","))
    .map(
      ([text, at, character]) =>
        text.slice(0, at % (text.length + 1)) + character + text.slice(at % (text.length + 1)),
    );
  const doubled = valid.map((text) => `${text.slice(0, -1)},${text.slice(1)}`);
  return fc.record({ method: fc.constant(method), body: fc.oneof(odd, doubled, oddJson) });
});

test("generated bodies that are damaged get the same error over plain HTTP as over Connect", async () => {
  const { url, seen } = await openEchoPort();
  await fc.assert(
    fc.asyncProperty(damaged, async ({ method, body }) => {
      const [{ path }, post] = [
        plainRequestOf(method, create(method.input)),
        { method: "POST", headers: inJson },
      ];
      const plain = await sendRaw(url, 1, { ...post, path, body });
      // An empty body is an empty message here, and no JSON in Connect.
      const connect = await sendRaw(url, 1, {
        ...post,
        path: pathOf(method),
        body: body === "" ? "{}" : body,
      });
      const answer = { status: connect.status, json: connect.json as JsonObject };
      if (connect.status === 200) expect(plain.json).toEqual(plainBodyOf(method, answer.json));
      else expect({ status: plain.status, json: plain.json }).toEqual(plainErrorOf(answer));
      expect(seen.bugs).toEqual([]);
    }),
    { numRuns: runs(80) },
  );
});

const pieces = fc.constantFrom(
  ...[
    "/",
    "v1",
    "account",
    "api_keys",
    "platform",
    "accounts",
    "workspaces",
    "members",
    "tokens",
    "whoami",
    "audit_events",
  ],
  ...[
    "..",
    ".",
    "%2e",
    "%2F",
    "%00",
    "%",
    "%ff",
    "%252F",
    ":rotate",
    ":verify",
    ":",
    "?",
    "&",
    "=",
    "+",
    "limit",
    "cursor",
    "a",
  ],
  ...[
    "organizationId=acct_1",
    "sort_order=asc",
    "includeInfo=true",
    "start_time=",
    "#",
    ";",
    "é",
    "[",
    "]",
    "key_1",
  ],
);
const hostile = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"),
  path: fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((all) => encodeURI(`/${all.join("")}`).replaceAll("%25", "%")),
    fc
      .constantFrom(...unary)
      .chain((method) =>
        messages(method.input, "any", pathFieldsOf(method)).map(
          (message) => plainRequestOf(method, message).path,
        ),
      ),
  ),
  body: fc.option(oddJson, { nil: undefined }),
  headers: fc.record(
    {
      "content-type": fc.constantFrom("application/json", "text/plain", "application/grpc", ""),
      "content-encoding": fc.constantFrom("gzip", "br", "identity"),
      accept: fc.constantFrom("application/problem+json", "*/*", "a;q=x", ",,;"),
      "x-api-key": fc.constantFrom("lk_live_x", ""),
      authorization: fc.constantFrom("Token x", "Bearer", "Basic eA==", ""),
      "latchkey-account": fc.constantFrom("acct_1", "x y"),
      "x-http-method-override": fc.constantFrom("DELETE"),
      "connect-timeout-ms": fc.constantFrom("0", "x", "5"),
    },
    { requiredKeys: [] },
  ),
  version: fc.constantFrom<1 | 2>(1, 2),
  signedIn: fc.boolean(),
});

test("no generated request gets an internal error from the service, and every refusal is JSON with a sentence", async () => {
  const { app, end } = await startApp();
  try {
    const owner = await app.newAccount();
    const { url } = await serve(app);
    await fc.assert(
      fc.asyncProperty(hostile, async ({ signedIn, version, headers, body, ...request }) => {
        const bearer = signedIn ? { authorization: `Bearer ${owner.token}` } : {};
        const hasBody = body !== undefined && request.method !== "TRACE";
        const answer = await sendRaw(url, version, {
          ...request,
          headers: { ...headers, ...bearer },
          ...(hasBody && { body }),
        });
        expect(answer.status).not.toBe(500);
        expect(answer.status).toBeLessThan(600);
        if (answer.status < 400 || request.method === "HEAD" || answer.bytes.length === 0) return;
        const { error, detail, message } = answer.json as {
          error?: { message: string };
          detail?: string;
          message?: string;
        };
        expect(error?.message ?? detail ?? message).toMatch(/\w{3}/);
      }),
      { numRuns: runs(80) },
    );
    expect(app.logLines.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
  } finally {
    await end();
  }
});
