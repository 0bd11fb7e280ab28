import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  TokenService,
  VerifyTokenRequestSchema,
  VerifyTokenResponseSchema,
} from "../gen/latchkey/v1/token_service_pb.ts";
import type { BenchDatabase } from "./database.ts";
import { keyToken } from "./keys.ts";
import { type Server, startServer } from "./processes.ts";
import { type Stack, startInto } from "./stack.ts";

export const verifyPath = "/latchkey.v1.TokenService/VerifyToken";

/** How a service is started. */
export interface ServiceOptions {
  env?: Record<string, string>;
  /** Where its sources are. */
  root?: string;
  /** False: on every core. */
  pinned?: boolean;
}

/** A service that runs. */
export interface Service extends Server {
  port: number;
}

/** Starts the service on a database, on a core of its own. */
export async function startService(
  stack: Stack,
  { url }: Pick<BenchDatabase, "url">,
  { env = {}, root = ".", pinned = true }: ServiceOptions = {},
): Promise<Service> {
  const settings = { LATCHKEY_DATABASE_URL: url, LATCHKEY_PORT: "0", LATCHKEY_LOG_LEVEL: "warn", ...env };
  const args = [`${root}/src/main.ts`, "serve"];
  const server = await startInto(stack, () =>
    startServer(args, settings, /listening on http:\/\/127\.0\.0\.1:(\d+)/, pinned),
  );
  return { ...server, port: Number(server.announced[1]) };
}

/** Asks about the first keys once, so that they are remembered, and returns an answer in both forms. */
export async function warm(port: number, bearer: string, keys: number) {
  const baseUrl = `http://127.0.0.1:${port}`;
  const client = createClient(TokenService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
  const headers = { authorization: `Bearer ${bearer}` };
  for (let from = 0; from < keys; from += 100) {
    const requests = Array.from({ length: Math.min(100, keys - from) }, (_, n) => ({
      token: keyToken(from + n),
    }));
    await client.batchVerifyTokens({ requests }, { headers });
  }
  const answer = await client.verifyToken({ token: keyToken(1) }, { headers });
  if (!answer.valid) throw new Error("the service refuses a key of the bench");
  const bytes = Buffer.from(toBinary(VerifyTokenResponseSchema, answer));
  return { json: toJsonString(VerifyTokenResponseSchema, answer), base64: bytes.toString("base64"), bytes };
}

/** A question as JSON, as binary, and with gRPC's prefix. */
export const asJson = (token: string) => Buffer.from(JSON.stringify({ token }));
export const asBinary = (token: string) =>
  Buffer.from(toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, { token })));
export const asGrpc = (token: string) => framed(asBinary(token));

/** A message with gRPC's prefix. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
