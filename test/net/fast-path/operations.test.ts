import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { create, type DescMethodUnary, fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { comparable, overHttp1, overHttp2 } from "../../support/fast-path/exchange.ts";
import type { WireRequest } from "../../support/fast-path/requests.ts";
import { openFastPathServer } from "../../support/fast-path/server.ts";
import { pathOf } from "../../support/net/http.ts";

const app = useApp();
const { getApiKey, createApiKey, updateApiKey, revokeApiKey } = ApiKeyService.method;

type Call = readonly [name: string, method: DescMethodUnary, message: JsonObject, headers?: Headers];
type Headers = Record<string, string>;

// The name of a call, a method, its message and what differs from an ordinary call of an owner. No call changes anything.
function callsOf(ids: { live: string; revoked: string }, weak: string): Call[] {
  const as = (token: string) => ({ authorization: `Bearer ${token}` });
  return [
    ["a key", getApiKey, { id: ids.live }],
    ["the same key", getApiKey, { id: ids.live }, { "x-request-id": "chosen" }],
    ["a missing key", getApiKey, { id: "key_00000000000000000000000000" }],
    ["an id that breaks the schema", getApiKey, { id: "a b" }],
    ["no bearer", getApiKey, { id: ids.live }, { authorization: "" }],
    ["an unknown bearer", getApiKey, { id: ids.live }, as("lk_live_x")],
    ["a bearer without the permission", getApiKey, { id: ids.live }, as(weak)],
    ["a foreign account", getApiKey, { id: ids.live }, { "latchkey-account": "acct_none" }],
    ["a deadline that has passed", getApiKey, { id: ids.live }, { "connect-timeout-ms": "0" }],
    ["a deadline that is too long", getApiKey, { id: ids.live }, { "connect-timeout-ms": "99999999" }],
    ["a change that is refused", updateApiKey, { id: ids.live, etag: "other", metadata: { name: "b" } }],
    ["a creation that is refused", createApiKey, { metadata: { name: "" } }],
    ["a creation beyond the caller", createApiKey, { metadata: { name: "a" } }, as(weak)],
    ["a revocation without a change", revokeApiKey, { id: ids.revoked }],
    // The end of a session moves with its use, and the end of a key stays.
    ["the caller itself", ProfileService.method.whoAmI, {}, as(weak)],
    [
      "a public method that refuses",
      SessionService.method.logIn,
      { email: "a@example.com", password: "wrong" },
    ],
  ];
}

function encode({ input }: DescMethodUnary, message: JsonObject): Uint8Array {
  return toBinary(input, Object.keys(message).length > 0 ? fromJson(input, message) : create(input));
}

/** Returns a call as a request of each protocol that the fast path accepts, and with a body that cannot be parsed. */
function requestsOf(token: string, [name, method, message, headers]: Call): WireRequest[] {
  const { "connect-timeout-ms": timeout, ...own } = headers ?? {};
  const request = (version: 1 | 2, type: string, body: Uint8Array, more: Headers = {}): WireRequest => ({
    version,
    method: "POST",
    path: pathOf(method),
    headers: {
      "content-type": type,
      authorization: `Bearer ${token}`,
      "x-request-id": `${name} ${type} ${version}`.replaceAll(/[^a-z0-9]+/g, "-").slice(0, 36),
      ...more,
      ...own,
    },
    chunks: [body],
    length: "exact",
  });
  const inConnect: Headers = timeout === undefined ? {} : { "connect-timeout-ms": timeout };
  const inGrpc: Headers = timeout === undefined ? {} : { "grpc-timeout": `${timeout}m` };
  const json = Buffer.from(JSON.stringify(message));
  const binary = encode(method, message);
  return [
    request(1, "application/json", json, inConnect),
    request(2, "application/json", json, inConnect),
    request(1, "application/proto", binary, inConnect),
    request(2, "application/grpc", encodeEnvelope(0, binary), inGrpc),
    request(1, "application/json", Buffer.from('{"unknown":1'), inConnect),
    request(2, "application/proto", Uint8Array.of(255), inConnect),
  ];
}

/** Starts a server with or without the fast path. Returns the function that sends a request to it. */
async function openServer(fastPath: boolean) {
  const server = await openFastPathServer(app.pools.lookups, fastPath);
  async function send(request: WireRequest) {
    if (request.version === 1) return (await overHttp1(server.port, [request])).map(comparable)[0];
    const session = connectHttp2(server.url);
    await once(session, "connect");
    const response = await overHttp2(session, request);
    session.destroy();
    return comparable(response);
  }
  return { ...server, send };
}

test("all other unary methods have the same responses and log lines with and without the fast path", async () => {
  const owner = await app.newAccount();
  const [live, revoked] = [await issueKey(owner), await issueKey(owner)];
  const weak = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  await owner.apiKeys.revokeApiKey({ id: revoked.id });
  // The time at which a revocation is effective no longer changes.
  await sql`update api_key set changed_at = changed_at - interval '1 minute'`.execute(app.pool);
  const [fast, ordinary] = [await openServer(true), await openServer(false)];
  for (const call of callsOf({ live: live.id, revoked: revoked.id }, weak.token)) {
    for (const request of requestsOf(owner.token, call)) {
      const what = `${call[0]}: ${request.headers["content-type"]}, HTTP/${request.version}`;
      expect(await fast.send(request), what).toEqual(await ordinary.send(request));
    }
  }
  const linesOf = ({ lines }: typeof fast) =>
    lines.map(({ requestId, method, code, reason, status }) => ({ requestId, method, code, reason, status }));
  await expect.poll(() => linesOf(fast)).toEqual(linesOf(ordinary));
});
