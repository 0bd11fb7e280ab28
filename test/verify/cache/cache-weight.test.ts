import fc from "fast-check";
import { expect, test } from "vitest";
import { atOnce } from "../../../src/domain/kernel/slices.ts";
import { principalMessage } from "../../../src/rpc/principal-message.ts";
import { createCache } from "../../../src/verify/cache/cache.ts";
import { type CredentialRow, toCredentials } from "../../../src/verify/evaluate/credential.ts";
import { evaluate } from "../../../src/verify/evaluate/evaluate.ts";

interface Names {
  name: string;
  external_id: string;
  labels: Record<string, string>;
}

function rowOf(names: Names, id = "key_1"): CredentialRow {
  return {
    id,
    kind: "application",
    system: false,
    environment: "live",
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    user_id: null,
    last_used_at: null,
    tokens: [{ id: "1", hash: "00".repeat(32), ends_at: null }],
    accounts: null,
    embed: null,
    openings: [
      {
        account_id: "acct_1",
        external_id: "org-1",
        platform: false,
        suspended: false,
        entitlements: [],
        profile: { id: "prof_1", type: "api_key", name: names.name, email: "" },
        owner: false,
        permissions: [],
        owner_permissions: null,
        workspace_scope: "selected",
        workspaces: {},
      },
    ],
    ...names,
  };
}

function credentialOf(names: Names, id?: string) {
  const [credential] = atOnce(toCredentials([rowOf(names, id)]));
  if (!credential) throw new Error("a row gave no credential");
  return credential;
}

const names = fc.record({
  name: fc.string({ maxLength: 128 }),
  external_id: fc.string({ maxLength: 128 }),
  labels: fc
    .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 63 }), fc.string({ maxLength: 63 })), {
      selector: ([label]) => label,
      maxLength: 64,
    })
    .map((entries) => Object.fromEntries(entries)),
});

test("the principal of a key has exactly the names and labels that are stored", () => {
  fc.assert(
    fc.property(names, (stored) => {
      const credential = credentialOf(stored);
      const digest = credential.tokens[0]?.digest ?? "";
      const requirements = { accountId: "", workspaceId: "", permissions: [], entitlements: [] };
      const loaded = { credential, workspace: undefined, now: new Date(0) };
      const evaluation = evaluate(
        loaded,
        digest,
        { ...requirements, environment: undefined },
        { sessionIdleMs: 1 },
      );
      if (!evaluation.principal) throw new Error("the evaluation returned no principal");
      expect(principalMessage(evaluation.principal)).toMatchObject({
        accountExternalId: "org-1",
        keyName: stored.name,
        keyExternalId: stored.external_id,
        keyLabels: stored.labels,
      });
    }),
  );
});

test("the names and labels in the cache never take more memory than its entries may", () => {
  const entries = 16;
  // The cache may keep this much per entry on average.
  const budget = entries * 2_048;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 64 }), { maxLength: 32 }), (counts) => {
      const cache = createCache(entries);
      let characters = 0;
      for (const [n, count] of counts.entries()) {
        const labels = Array.from({ length: count }, (_, l) => [`${l}`.padStart(63, "l"), "v".repeat(63)]);
        const stored = { name: "n".repeat(128), external_id: "", labels: Object.fromEntries(labels) };
        cache.keepCredential(credentialOf(stored, `key_${n}`));
      }
      for (const [n, count] of counts.entries()) {
        if (cache.credential(`key_${n}`)) characters += 128 + count * 126;
      }
      expect(2 * characters).toBeLessThanOrEqual(budget);
      expect(cache.size()).toBeLessThanOrEqual(entries);
    }),
    { endOnFailure: true },
  );
});

test("the limits in the cache never take more memory than its entries may", () => {
  const entries = 16;
  const budget = entries * 2_048;
  // What node needs for a limit, its place in the list and its name.
  const bytesPerLimit = 72 + 63;
  const list = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      name: `limit_${n}`.padEnd(63, "x"),
      limit: 1,
      period_ms: 1,
      cost: 1,
    }));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 16, maxLength: 32 }), (counts) => {
      const cache = createCache(entries);
      for (const [n, count] of counts.entries()) {
        const row = rowOf({ name: "", external_id: "", labels: {} }, `key_${n}`);
        const limits = {
          draws_on: null,
          key: list(count),
          account: list(8),
          credits: [`key_${n}`, "acct_1"],
        };
        const openings = row.openings.map((opening) => ({ ...opening, limits }));
        const [credential] = atOnce(toCredentials([{ ...row, openings }]));
        if (credential) cache.keepCredential(credential);
      }
      let bytes = 0;
      for (const [n] of counts.entries()) {
        const access = cache.credential(`key_${n}`)?.openings[0];
        // Without its limits, an entry takes 1,100 bytes.
        if (access) bytes += 1_100 + access.limits.length * bytesPerLimit;
      }
      expect(bytes).toBeLessThanOrEqual(budget);
    }),
    { endOnFailure: true },
  );
});

test("the conversion of a row pauses after at most 500 workspaces", () => {
  const stored = rowOf({ name: "", external_id: "", labels: {} });
  const workspaces = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`ws_${n}`, n % 2 === 0]));
  const openings = stored.openings.map((opening) => ({ ...opening, workspaces }));
  const work = toCredentials([{ ...stored, openings }]);
  let pauses = 0;
  let step = work.next();
  for (; !step.done; step = work.next()) pauses += 1;
  expect(pauses).toBeGreaterThanOrEqual(10);
  const [access] = step.value[0]?.openings ?? [];
  expect([access?.liveWorkspaces.length, access?.archivedWorkspaces.length]).toEqual([2_500, 2_500]);
});
