import { create, toBinary } from "@bufbuild/protobuf";
import { VerifyTokenRequestSchema } from "../gen/latchkey/v1/token_service_pb.ts";
import { keyId, keyToken } from "./keys.ts";
import type { Job } from "./load.ts";

/** What cases are made from. */
export interface Setting {
  keys: number;
  databaseUrl: string;
  platformToken: string;
  ports: { latchkey: number; echoHttp1: number; echoHttp2: number };
}

/** Something to measure. Its rate is compared with that of `echo`, and with that of the bare look-up. */
export interface Case {
  name: string;
  server: "echo" | "latchkey" | undefined;
  /** The name of the case that does nothing over the same protocol. */
  echo: string | undefined;
  maxCalls: number;
  /** Made afresh for every sample, so that each asks about other keys. */
  calls(): Job["calls"];
}

export const lookup = "bare prepared look-up by primary key";
/** Calls of one sample that change something: bounded, so that the database stays the size that the table says. */
export const maxMutations = 600;
const differentBodies = 10_000;
const verify = "/latchkey.v1.TokenService/VerifyToken";

interface Protocol {
  name: string;
  protocol: "http1" | "grpc";
  contentType: string;
  body(token: string): Uint8Array;
  /** What every positive verdict holds: `valid` and `VERDICT_VALID`. */
  expected: Uint8Array;
}

const binary = {
  body: (token: string) => toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, { token })),
  expected: Buffer.from([0x08, 1, 0x10, 1]),
};
const json: Protocol = {
  name: "Connect JSON",
  protocol: "http1",
  contentType: "application/json",
  body: (token) => Buffer.from(JSON.stringify({ token })),
  expected: Buffer.from('"valid":true'),
};
const protocols: Protocol[] = [
  json,
  { name: "Connect binary", protocol: "http1", contentType: "application/proto", ...binary },
  { name: "gRPC", protocol: "grpc", contentType: "application/grpc+proto", ...binary },
];

/** All cases. `firstSpare`: the number of the first key that may be rotated; those after `maxMutations` are revoked. */
export function createCases(setting: Setting, firstSpare: number): Case[] {
  const { keys, databaseUrl, platformToken: bearer, ports } = setting;
  const some = <T>(make: (index: number) => T) =>
    Array.from({ length: differentBodies }, () => make(Math.floor(Math.random() * keys)));
  let nextToRevoke = firstSpare + maxMutations;

  const verification = (protocol: Protocol, server: "echo" | "latchkey"): Case => ({
    name: server === "echo" ? echoName(protocol) : `VerifyToken, ${protocol.name}`,
    server,
    echo: server === "echo" ? undefined : echoName(protocol),
    maxCalls: Number.POSITIVE_INFINITY,
    calls: () => ({
      protocol: protocol.protocol,
      port: server === "latchkey" ? ports.latchkey : echoPort(protocol, ports),
      path: verify,
      contentType: protocol.contentType,
      bearer,
      bodies: some((index) => protocol.body(keyToken(index))),
      expected: protocol.expected,
    }),
  });
  const mutation = (name: string, body: (index: number) => object, first: () => number): Case => ({
    name,
    server: "latchkey",
    echo: echoName(json),
    maxCalls: maxMutations,
    calls() {
      const start = first();
      return {
        protocol: "http1",
        port: ports.latchkey,
        path: `/latchkey.v1.ApiKeyService/${name}`,
        contentType: json.contentType,
        bearer,
        bodies: Array.from({ length: maxMutations }, (_, n) => Buffer.from(JSON.stringify(body(start + n)))),
        expected: Buffer.from('"apiKey":'),
      };
    },
  });
  // Each next to the limit that it is compared with: the machine's speed drifts.
  const [first, ...others] = protocols.map((protocol) => [
    verification(protocol, "echo"),
    verification(protocol, "latchkey"),
  ]);
  return [
    {
      name: lookup,
      server: undefined,
      echo: undefined,
      maxCalls: Number.POSITIVE_INFINITY,
      calls: () => ({ protocol: "lookup", databaseUrl, ids: some(keyId) }),
    },
    ...(first ?? []),
    mutation(
      "CreateApiKey",
      () => ({ metadata: { name: "made by the bench" }, spec: { permissions: ["agents:read"] } }),
      () => 0,
    ),
    mutation(
      "RotateApiKey",
      (index) => ({ id: keyId(index), gracePeriod: "0s" }),
      () => firstSpare,
    ),
    mutation(
      "RevokeApiKey",
      (index) => ({ id: keyId(index) }),
      () => {
        nextToRevoke += maxMutations;
        return nextToRevoke - maxMutations;
      },
    ),
    ...others.flat(),
  ];
}

function echoName({ name }: Protocol): string {
  return `bare Connect echo, ${name}`;
}

function echoPort({ protocol }: Protocol, ports: Setting["ports"]): number {
  return protocol === "grpc" ? ports.echoHttp2 : ports.echoHttp1;
}
