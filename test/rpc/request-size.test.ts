import { gzipSync } from "node:zlib";
import { Code, ConnectError, createConnectRouter, createContextValues } from "@connectrpc/connect";
import {
  createAsyncIterable,
  encodeEnvelope,
  type UniversalHandler,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { expect, test } from "vitest";
import { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { gzip } from "../../src/rpc/middleware/gzip.ts";
import { createBoundsOf } from "../../src/rpc/middleware/message-bounds.ts";
import { pathOf, serve, violationsOf } from "../support/net/http.ts";
import { sampled } from "../support/random.ts";
import { methods } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const boundsOf = createBoundsOf(defaultLimits.maxMessageBytes);
// Methods in `npm test`. The same code of this server and of Connect refuses the bodies of all of them.
const inShort = 25;
const { batchVerifyTokens } = TokenService.method;
const { logIn } = SessionService.method;

interface Form {
  type: string;
  /** The header that names the compression of the body. */
  encoding: string;
  framed: boolean;
}
const unary: Form[] = ["application/json", "application/proto"].map((type) => ({
  type,
  encoding: "content-encoding",
  framed: false,
}));
const grpc: Form[] = ["application/grpc", "application/grpc-web+proto"].map((type) => ({
  type,
  encoding: "grpc-encoding",
  framed: true,
}));
const streams: Form[] = ["application/connect+json", "application/connect+proto"].map((type) => ({
  type,
  encoding: "connect-content-encoding",
  framed: true,
}));

test("every method refuses a body that is larger than its own maximum, in every protocol", async () => {
  const { handlers, reached } = routerWithoutAuthentication();
  expect(handlers.length).toBeGreaterThan(methods.length);
  for (const handler of sampled(handlers, inShort)) {
    const { maxBytes } = boundsOf(handler.method.input);
    for (const form of formsOf(handler)) {
      for (const compressed of [false, true]) {
        const what = `${handler.requestPath} ${form.type} ${compressed}`;
        const before = reached();
        expect(await codeOf(handler, form, filled(form, maxBytes + 1), compressed), what).toBe(
          Code.ResourceExhausted,
        );
        expect(reached(), what).toBe(before);
        // The control: what fits is refused for another reason, or reaches the method.
        const fitting = await codeOf(handler, form, filled(form, maxBytes), compressed);
        expect(fitting, what).not.toBe(Code.ResourceExhausted);
      }
    }
  }
});

test("every method refuses a body with too many values before the body is parsed, in every protocol", async () => {
  const { handlers, reached } = routerWithoutAuthentication();
  for (const handler of sampled(handlers, inShort, 1)) {
    const { maxBytes, maxValues } = boundsOf(handler.method.input);
    const count = Math.min(maxValues + 1, maxBytes / 2 - 4);
    if (count <= maxValues) continue;
    for (const form of formsOf(handler)) {
      const json = `[${"1,".repeat(count)}1]`;
      const body = Buffer.from(form.type.includes("json") ? json : "\x78\x01".repeat(count), "latin1");
      const before = reached();
      for (const compressed of [false, true]) {
        expect(await codeOf(handler, form, body, compressed), `${handler.requestPath} ${form.type}`).toBe(
          Code.InvalidArgument,
        );
      }
      expect(reached()).toBe(before);
    }
  }
});

const manyItems = Buffer.from(`{"requests":[${"{},".repeat(340_000)}{}]}`);
const manyWrongItems = Buffer.from(`{"requests":[${'{"token":1},'.repeat(80_000)}{}]}`);

test.each<[name: string, body: Buffer, compressed: boolean]>([
  ["a gzip body of 340,000 empty items", manyItems, true],
  ["a gzip body of 80,000 items of a wrong type", manyWrongItems, true],
  ["5,000 items of a wrong type", Buffer.from(`{"requests":[${'{"token":1},'.repeat(5_000)}{}]}`), false],
  ["20,000 empty items", Buffer.from(`{"requests":[${"{},".repeat(20_000)}{}]}`), false],
])("a batch with %s gets one short error", async (_name, body, compressed) => {
  const http = await serve(app);
  const sent = { token: app.platformToken, ...(compressed && { headers: { "content-encoding": "gzip" } }) };
  const answer = await http.post(batchVerifyTokens, { ...sent, body: compressed ? gzipSync(body) : body });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(answer.text.length).toBeLessThan(16_384);
});

const megabyte = 1024 * 1024 - 64;
const repeated = (text: string) => text.repeat(Math.floor(megabyte / text.length));
const bombs: [name: string, type: string, body: string][] = [
  [
    "unknown JSON keys",
    "json",
    `{${Array.from({ length: 90_000 }, (_, n) => `"${n.toString(36)}":0`).join()}}`,
  ],
  ["a long e-mail address", "json", `{"email":"${repeated("a").slice(50)}","password":"x"}`],
  ["an e-mail address of many labels", "json", `{"email":"a@${repeated("a.").slice(50)}","password":"x"}`],
  ["nested lists", "json", `{"email":${"[".repeat(500_000)}${"]".repeat(500_000)}}`],
  ["unknown binary numbers", "proto", repeated("\x78\x01")],
  ["unknown binary strings", "proto", repeated("\x7a\x00")],
];

test.each(bombs)("a stranger cannot log in with a gzip bomb of %s", async (_name, type, text) => {
  const http = await serve(app);
  const body = gzipSync(Buffer.from(text, "latin1"));
  const headers = { "content-type": `application/${type}`, "content-encoding": "gzip" };
  const answer = await http.post(logIn, { body, headers });
  expect(answer.json.code).toBe("resource_exhausted");
});

test("gzip data that ends too early is an invalid argument", async () => {
  const { handlers } = routerWithoutAuthentication();
  for (const handler of sampled(handlers, inShort, 2)) {
    for (const form of formsOf(handler)) {
      const whole = gzipSync(Buffer.from("{}".padEnd(2_000)));
      const body = framed(form, whole.subarray(0, -9), true);
      expect(await send(handler, form, body, true), `${handler.requestPath} ${form.type}`).toBe(
        Code.InvalidArgument,
      );
    }
  }
});

test("the message in the URL of a GET has the maximum of its method after decompression", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const message = gzipSync(Buffer.from(`{"labels":"${"x".repeat(100_000)}"}`)).toString("base64url");
  const path = pathOf(AccountService.method.listAccounts);
  const url = `${path}?connect=v1&encoding=json&compression=gzip&base64=1&message=${message}`;
  expect((await http.get(url, { token: owner.token })).json.code).toBe("resource_exhausted");
});

test("a field that this server does not know is skipped in binary", async () => {
  const http = await serve(app);
  const token = Buffer.from("\x0a\x03abc\x98\x06\x01", "latin1");
  const headers = { "content-type": "application/proto" };
  const answer = await http.post(TokenService.method.verifyToken, {
    body: token,
    headers,
    token: app.platformToken,
  });
  expect(answer.status).toBe(200);
});

test("an error that names many fields is as short in every protocol", async () => {
  const http = await serve(app);
  const item = { token: "x", requiredEntitlements: Array.from({ length: 64 }, () => "WRONG") };
  const body = { requests: Array.from({ length: 100 }, () => item) };
  const answer = await http.post(batchVerifyTokens, { body, token: app.platformToken });
  expect(violationsOf(answer)).toHaveLength(32);
});

// The app's own routes and limits. The gate and the interceptors are missing, so that a request reaches its body.
function routerWithoutAuthentication() {
  let count = 0;
  const router = createConnectRouter({
    ...app.app.routerOptions,
    requestGate: () => {},
    interceptors: [
      () => async (request) => {
        if (request.stream) for await (const _message of request.message) count += 1;
        else count += 1;
        throw new ConnectError("reached", Code.Unimplemented);
      },
    ],
    acceptCompression: [gzip],
  });
  app.app.routes(router);
  return { handlers: router.handlers, reached: () => count };
}

function formsOf({ method }: UniversalHandler): Form[] {
  return [...(method.methodKind === "unary" ? unary : streams), ...grpc];
}

function filled({ type }: Form, size: number): Buffer {
  if (type.includes("json")) return Buffer.from("{}".padEnd(size));
  // One unknown field with a long string.
  const [low = 0, middle = 0] = [(size - 4) & 0x7f, ((size - 4) >> 7) & 0x7f];
  const head = Buffer.from([0x7a, low | 0x80, middle | 0x80, (size - 4) >> 14]);
  return (size - 5) >> 14 > 127 ? Buffer.alloc(size, 32) : Buffer.concat([head, Buffer.alloc(size - 4)]);
}

const codeOf = (handler: UniversalHandler, form: Form, message: Buffer, compressed: boolean) =>
  send(handler, form, framed(form, compressed ? gzipSync(message) : message, compressed), compressed);

function framed({ framed }: Form, bytes: Uint8Array, compressed: boolean): Uint8Array {
  return framed ? encodeEnvelope(compressed ? 1 : 0, bytes) : bytes;
}

async function send(handler: UniversalHandler, form: Form, body: Uint8Array, compressed: boolean) {
  const header = new Headers({ "content-type": form.type });
  if (compressed) header.set(form.encoding, "gzip");
  const response = await handler({
    httpVersion: "2.0",
    method: "POST",
    url: `http://localhost${handler.requestPath}`,
    header,
    body: createAsyncIterable([body]),
    signal: AbortSignal.timeout(10_000),
    contextValues: createContextValues(),
  });
  return readCode(response);
}

// Unary Connect has the code in JSON, Connect's streams have it in the last frame, and gRPC in trailers.
async function readCode({ body, trailer, header }: UniversalServerResponse): Promise<Code | undefined> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("latin1");
  const status =
    trailer?.get("grpc-status") ?? header?.get("grpc-status") ?? /grpc-status: (\d+)/.exec(text)?.[1];
  if (status !== undefined && status !== null) return Number(status);
  const name = /"code":"(\w+)"/.exec(text)?.[1] ?? "";
  return Object.values(Code).find(
    (code): code is Code => typeof code === "number" && snake(Code[code]) === name,
  );
}

function snake(name = ""): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
