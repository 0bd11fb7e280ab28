import { keyId, keyToken } from "./keys.ts";
import type { Job } from "./load.ts";
import { asJson, verifyPath } from "./service.ts";

/** What the cases need. */
export interface Setting {
  keys: number;
  databaseUrl: string;
  platformToken: string;
  ports: { latchkey: number; echo: number; betterAuth?: number };
}

/** One kind of call. The table compares its rate with those of the echo and of the bare look-up. */
export interface Case {
  name: string;
  /** The least ratio to the echo, if one is to be reached. */
  toReach?: number;
  server: "echo" | "latchkey" | "betterAuth" | undefined;
  maxCalls: number;
  /** Returns the calls of a sample. Each sample uses other keys. */
  calls(): Job["calls"];
}

export const lookup = "bare prepared look-up by primary key";
export const echo = "bare Connect echo, JSON";
export const createdByBetterAuth = "better-auth `createApiKey`";
/** The case that is compared with that of better-auth, and the least ratio. */
export const comparedWithBetterAuth = { name: "CreateApiKey", toReach: 2 };
/** The maximum number of changes in one sample, so that the size of the database stays nearly the same. */
export const maxMutations = 600;
const differentBodies = 10_000;

/**
 * Returns all cases. `firstSpare` is the number of the first spare key. Samples rotate the first `maxMutations` spare keys
 * and revoke the others.
 */
export function createCases(setting: Setting, firstSpare: number): Case[] {
  return [
    ...createReads(setting, firstSpare),
    ...createPeers(setting),
    ...createMutations(setting, firstSpare),
  ];
}

function createReads({ keys, databaseUrl, platformToken, ports }: Setting, firstSpare: number): Case[] {
  const some = <T>(make: (index: number) => T) =>
    Array.from({ length: differentBodies }, () => make(Math.floor(Math.random() * keys)));
  const maxCalls = Number.POSITIVE_INFINITY;
  return [
    {
      name: lookup,
      server: undefined,
      maxCalls,
      calls: () => ({ protocol: "lookup", databaseUrl, ids: some(keyId) }),
    },
    {
      name: echo,
      server: "echo",
      maxCalls,
      calls: () => ({
        ...connectJson(platformToken),
        port: ports.echo,
        path: verifyPath,
        bodies: some((index) => asJson(keyToken(index))),
        expected: Buffer.from('"valid":true'),
      }),
    },
    {
      name: "GetApiKey",
      toReach: 0.5,
      server: "latchkey",
      maxCalls,
      calls: () => ({
        ...connectJson(platformToken),
        port: ports.latchkey,
        path: "/latchkey.v1.ApiKeyService/GetApiKey",
        // The caller may read only keys of its own account.
        bodies: Array.from({ length: maxMutations }, (_, n) =>
          Buffer.from(JSON.stringify({ id: keyId(firstSpare + n) })),
        ),
        expected: Buffer.from('"apiKey":'),
      }),
    },
  ];
}

function createPeers({ ports }: Setting): Case[] {
  const { betterAuth } = ports;
  if (betterAuth === undefined) return [];
  return [
    {
      name: createdByBetterAuth,
      server: "betterAuth",
      maxCalls: maxMutations,
      calls: () => ({
        ...connectJson("none"),
        port: betterAuth,
        path: "/create",
        bodies: [Buffer.from(JSON.stringify({ name: "made by the bench" }))],
        expected: Buffer.from('"key":'),
      }),
    },
  ];
}

function createMutations({ platformToken, ports }: Setting, firstSpare: number): Case[] {
  const mutation = (name: string, body: (index: number) => object, first: () => number): Case => ({
    name,
    // The revocations of a cluster commit one after the other, so they are measured one at a time, in another part.
    ...(name !== "RevokeApiKey" && { toReach: 0.25 }),
    server: "latchkey",
    maxCalls: maxMutations,
    calls() {
      const start = first();
      return {
        ...connectJson(platformToken),
        port: ports.latchkey,
        path: `/latchkey.v1.ApiKeyService/${name}`,
        bodies: Array.from({ length: maxMutations }, (_, n) => Buffer.from(JSON.stringify(body(start + n)))),
        expected: Buffer.from('"apiKey":'),
      };
    },
  });
  let nextToRevoke = firstSpare + maxMutations;
  return [
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
  ];
}

function connectJson(bearer: string) {
  return { protocol: "http1" as const, contentType: "application/json", bearer };
}
