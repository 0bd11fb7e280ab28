import fc from "fast-check";
import { expect, test } from "vitest";
import type { Loaded } from "../../../src/verify/cache/load.ts";
import { handDriven, tenantOf } from "../../support/coherence/loader.ts";

const keys = ["key_1", "key_2", "key_3"];
const id = fc.constantFrom(...keys);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("ask" as const), id }) },
  fc.record({ do: fc.constant("load" as const), id }),
  fc.record({ do: fc.constant("invalidate" as const), id: fc.oneof(id, fc.constant("*")) }),
  fc.record({ do: fc.constant("keep others" as const), id }),
  fc.record({ do: fc.constant("change the tenant" as const), id }),
  fc.record({ do: fc.constant("lose or regain the lease" as const), id }),
);

test("a loaded row holds exactly as long as the cache has it, however often a call asks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { cache, feed, loader, invalidate, learn } = handDriven(4);
      const rows = new Map<string, Loaded>();
      let others = 0;
      for (const { do: what, id: of } of steps) {
        if (what === "invalidate") invalidate(of);
        else if (what === "keep others")
          cache.keepWorkspace({ id: `ws_${others++}`, accountId: "", live: true });
        else if (what === "change the tenant") cache.keepTenant(tenantOf("acct_1"));
        else if (what === "lose or regain the lease") feed.coherent = !feed.coherent;
        else if (what === "load" && feed.coherent) {
          await learn(of);
          const tenant = cache.tenant("acct_1");
          rows.set(of, {
            credential: cache.credential(of),
            workspace: undefined,
            now: new Date(0),
            ...(tenant && { tenant }),
          });
        }
        for (const [key, row] of rows) {
          const has = row.credential !== undefined && cache.credential(key) === row.credential;
          const sameTenant = !row.tenant || cache.tenant("acct_1") === row.tenant;
          expect(loader.holds(row, undefined)).toBe(feed.coherent && has && sameTenant);
        }
      }
    }),
  );
});
