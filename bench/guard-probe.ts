import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { LRUCache } from "lru-cache";
import { TokenService } from "../gen/latchkey/v1/token_service_pb.ts";
import { digestToken, parseTokenOfAnyPrefix } from "../src/domain/kernel/token.ts";
import { createGuard } from "../src/guard/guard.ts";
import type { Guard } from "../src/guard/types.ts";
import { keyToken } from "./keys.ts";

// Measures a guard in its own process, and prints the samples of each round as JSON.
const {
  BENCH_URL: url = "",
  BENCH_BEARER: bearer = "",
  BENCH_ROUNDS = "1",
  BENCH_SECONDS = "1",
} = process.env;
const rounds = Number(BENCH_ROUNDS);
const milliseconds = 1_000 * Number(BENCH_SECONDS);
const keys = 10_000;
const inFlight = 50;
const tokens = Array.from({ length: keys }, (_, n) => keyToken(n));
const requirements = Object.freeze({ permissions: Object.freeze(["agents:read"]) });

/** A sample: how often something was done per second. */
export interface GuardSamples {
  /** `parse + SHA-256 + LRU get`, and `guard.verify`, one call after the other. */
  limit: number[];
  hot: number[];
  /** `VerifyToken` over gRPC, and `guard.verify` of a key that is not in its cache. */
  calls: number[];
  cold: number[];
}

const samples: GuardSamples = { limit: [], hot: [], calls: [], cold: [] };

async function verifyAll(guard: Guard): Promise<void> {
  let next = 0;
  const verifyNext = async (): Promise<void> => {
    for (let token = tokens[next++]; token !== undefined; token = tokens[next++]) {
      const { valid, reason } = await guard.verify(token, requirements);
      if (!valid) throw new Error(`the guard refused a key of the bench: ${reason}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, verifyNext));
}

/** Runs something with each token in turn, until the time is over. Returns how often per second. */
async function repeat(run: (token: string) => unknown, concurrency: number): Promise<number> {
  let done = 0;
  const startedAt = performance.now();
  const drive = async (): Promise<void> => {
    while (performance.now() - startedAt < milliseconds) {
      // Reading the clock takes longer than a thousandth of these.
      for (let n = 0; n < (concurrency > 1 ? 1 : 1_000); n++) {
        const result = run(tokens[done++ % keys] ?? "");
        if (result instanceof Promise) await result;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, drive));
  return (1_000 * done) / (performance.now() - startedAt);
}

const hotGuard = createGuard({ url, token: bearer, usage: true });
const coldGuard = createGuard({ url, token: bearer, entries: 100 });
for (const guard of [hotGuard, coldGuard]) {
  if (!(await guard.ready(10_000))) throw new Error("the guard has no lease");
}
// A pass fills the cache. On a busy machine, the lease may lapse for a moment, so some keys need another pass.
const maxPasses = 10;
for (let n = 0; n < maxPasses && hotGuard.state().entries < keys; n++) await verifyAll(hotGuard);
const { entries } = hotGuard.state();
if (entries < keys) throw new Error(`the guard kept only ${entries} of ${keys} keys`);

const kept = new LRUCache<string, object>({ max: 2 * keys });
for (const token of tokens) kept.set(digestToken(token), {});
const measures: [keyof GuardSamples, (token: string) => unknown, concurrency: number][] = [
  ["limit", (token) => parseTokenOfAnyPrefix(token) && kept.get(digestToken(token)), 1],
  ["hot", (token) => hotGuard.verify(token, requirements), 1],
  ["calls", verifyByCall(), inFlight],
  ["cold", (token) => coldGuard.verify(token, requirements), inFlight],
];

function verifyByCall() {
  const client = createClient(TokenService, createGrpcTransport({ baseUrl: url }));
  const options = { headers: { authorization: `Bearer ${bearer}` } };
  return (token: string) =>
    client.verifyToken({ token, requiredPermissions: ["agents:read"], fresh: true }, options);
}

for (let round = 0; round <= rounds; round++) {
  for (const [name, run, concurrency] of measures) {
    const perSecond = await repeat(run, concurrency);
    // The first round compiles the code.
    if (round > 0) samples[name].push(perSecond);
  }
}
process.stdout.write(`${JSON.stringify(samples)}\n`);
for (const guard of [hotGuard, coldGuard]) await guard.close();
process.exit(0);
