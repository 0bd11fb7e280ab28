import { createGuard } from "../src/guard/guard.ts";
import { keyToken } from "./keys.ts";

// Prints the bytes that a guard takes with many keys in its cache. Run it with --expose-gc.
const { BENCH_URL: url = "", BENCH_BEARER: bearer = "", BENCH_KEYS = "1000" } = process.env;
const keys = Number(BENCH_KEYS);
const inFlight = 100;
const collect = globalThis.gc;
if (!collect) throw new Error("run with --expose-gc");

function used(): number {
  collect?.();
  collect?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const before = used();
const guard = createGuard({ url, token: bearer, entries: 100_000 });
if (!(await guard.ready(10_000))) throw new Error("the guard has no lease");
let next = 0;
await Promise.all(
  Array.from({ length: inFlight }, async () => {
    for (let n = next++; n < keys; n = next++) {
      const { valid, reason } = await guard.verify(keyToken(n), { permissions: ["agents:read"] });
      if (!valid) throw new Error(`the guard refused a key of the bench: ${reason}`);
    }
  }),
);
const { entries } = guard.state();
if (entries < 0.99 * keys) throw new Error(`the guard kept only ${entries} of ${keys} keys`);
const bytes = used() - before;
process.stdout.write(`${entries} ${bytes} ${process.memoryUsage.rss()}\n`);
await guard.close();
process.exit(0);
