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

/** How to start a service. */
export interface ServiceOptions {
  env?: Record<string, string>;
  /** The arguments of node. Unset: `latchkey serve`. */
  program?: readonly string[];
  /** False: it runs on every core. */
  pinned?: boolean;
}

/** A running service. */
export interface Service extends Server {
  port: number;
}

/** Starts the service with a database, on core 0 unless `pinned` is false. */
export async function startService(
  stack: Stack,
  { url }: Pick<BenchDatabase, "url">,
  { env = {}, program = ["src/main.ts", "serve"], pinned = true }: ServiceOptions = {},
): Promise<Service> {
  const settings = { LATCHKEY_DATABASE_URL: url, LATCHKEY_PORT: "0", LATCHKEY_LOG_LEVEL: "warn", ...env };
  const server = await startInto(stack, () =>
    startServer(program, settings, /listening on http:\/\/127\.0\.0\.1:(\d+)/, pinned),
  );
  return { ...server, port: Number(server.announced[1]) };
}

/** Verifies the first keys once, so that they are in the cache. Returns one response as JSON and as binary. */
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
  const response = await client.verifyToken({ token: keyToken(1) }, { headers });
  if (!response.valid) throw new Error("the service refused a key of the bench");
  const bytes = Buffer.from(toBinary(VerifyTokenResponseSchema, response));
  return { json: toJsonString(VerifyTokenResponseSchema, response), base64: bytes.toString("base64"), bytes };
}

/** Return the request that verifies a token: as JSON, as binary, and with the prefix of gRPC. */
export const asJson = (token: string) => Buffer.from(JSON.stringify({ token }));
export const asBinary = (token: string) =>
  Buffer.from(toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, { token })));
export const asGrpc = (token: string) => framed(asBinary(token));

/** Returns a message with the prefix of gRPC. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
