import { Code } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { pathOf, serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const signUp = pathOf(SessionService.method.signUp);
const list = pathOf(ApiKeyService.method.listApiKeys);
const verify = pathOf(TokenService.method.verifyToken);
const token = `lk_live_${"0".repeat(64)}`;
const form = { "content-type": "application/x-www-form-urlencoded" };
const bytes = new Blob(["{}"]);

test.each<[name: string, path: string, init: RequestInit, status: number, code: string, message: RegExp]>([
  [
    "the default content type of curl",
    signUp,
    { method: "POST", headers: form, body: "{}" },
    415,
    "invalid_argument",
    /not supported; send the header "content-type: application\/json"/,
  ],
  [
    "no content type",
    signUp,
    { method: "POST", body: bytes },
    415,
    "invalid_argument",
    /is missing; send the header "content-type: application\/json"/,
  ],
  [
    "no content type on the fast path",
    verify,
    { method: "POST", body: bytes },
    415,
    "invalid_argument",
    /is missing/,
  ],
  [
    "JSON in gRPC-Web frames of no kind",
    signUp,
    { method: "POST", headers: { "content-type": "text/xml" } },
    415,
    "invalid_argument",
    /not supported/,
  ],
  ["a GET of an RPC that changes something", signUp, {}, 405, "unimplemented", /accepts POST,/],
  ["a PUT of a read", list, { method: "PUT" }, 405, "unimplemented", /accepts POST and GET,/],
  [
    "a GET of a read in a browser",
    list,
    {},
    415,
    "invalid_argument",
    /query parameters encoding=json and message/,
  ],
  [
    "a misspelt RPC",
    "/latchkey.v1.SessionService/Signup",
    { method: "POST" },
    404,
    "unimplemented",
    /no such RPC; check the spelling/,
  ],
  [
    "a misspelt service",
    "/latchkey.v1.Sessions/SignUp",
    { method: "POST" },
    404,
    "unimplemented",
    /no such RPC/,
  ],
  [
    "the root by a client of Connect",
    "/",
    { headers: { "connect-protocol-version": "1" } },
    404,
    "unimplemented",
    /no such path; the path of an RPC is \/latchkey\.v1\./,
  ],
  [
    "a path with a token by a client of Connect",
    `/v1/keys/${token}?x=${token}`,
    { method: "POST", headers: { "content-type": "application/proto" } },
    404,
    "unimplemented",
    /no such path/,
  ],
])("%s gets one sentence as a Connect error", async (_name, path, init, status, code, message) => {
  const { url } = await serve(app);
  const response = await fetch(url + path, init);
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/json");
  const body = (await response.json()) as { code: string; message: string };
  expect(body).toEqual({ code, message: expect.stringMatching(message) });
  expect(body.message).not.toContain(token);
  if (status === 405) expect(response.headers.get("allow")).toMatch(/^POST/);
});

const { logOut } = SessionService.method;
const missing = {
  ...logOut,
  parent: { ...SessionService, typeName: "latchkey.v1.Missing" },
} as typeof logOut;
test.each([
  ["gRPC", createGrpcTransport],
  ["gRPC-Web", createGrpcWebTransport],
] as const)("a wrong path gets one sentence in a status of %s", async (_name, createTransport) => {
  const { url } = await serve(app);
  const transport = createTransport({ baseUrl: url, httpVersion: "2" });
  await expect(transport.unary(missing, undefined, undefined, undefined, {})).rejects.toMatchObject({
    code: Code.Unimplemented,
    rawMessage: expect.stringMatching(/no such RPC; check the spelling/),
  });
});

test("@grpc/grpc-js shows the sentence about a wrong path", async () => {
  const { url } = await serve(app);
  const identity = (value: Buffer) => value;
  const path = "/latchkey.v1.Sessions/SignUp";
  const codec = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity };
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    responseDeserialize: identity,
    ...codec,
  };
  const Client = makeGenericClientConstructor({ call: method }, "Sessions");
  const client = new Client(new URL(url).host, credentials.createInsecure());
  const error = await new Promise<ServiceError>((resolve) =>
    (client as unknown as { call(request: Buffer, done: typeof resolve): void }).call(
      Buffer.alloc(0),
      resolve,
    ),
  );
  client.close();
  expect(error).toMatchObject({ code: Code.Unimplemented, details: expect.stringContaining("no such RPC") });
  const isCall = (line: string) => line.includes('"msg":"call"');
  await expect
    .poll(() => app.logLines.findLast(isCall))
    .toMatch(/"method":"unknown","code":"unimplemented","status":200/);
});

test("JSON in gRPC frames gets one sentence in a status of gRPC", async () => {
  const { url } = await serve(app);
  for (const type of ["application/grpc+json", "application/grpc-web+json"]) {
    const response = await fetch(url + signUp, { method: "POST", headers: { "content-type": type } });
    expect([response.status, response.headers.get("grpc-status")]).toEqual([
      415,
      String(Code.InvalidArgument),
    ]);
    expect(decodeURIComponent(response.headers.get("grpc-message") ?? "")).toMatch(/not supported/);
    expect(await response.text()).toBe("");
  }
});
