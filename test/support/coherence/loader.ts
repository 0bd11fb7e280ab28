import type { TenantJson } from "../../../src/db/schema.ts";
import { permissionSet } from "../../../src/domain/access/permission.ts";
import { createCache } from "../../../src/verify/cache/cache.ts";
import type { Loaded, LookupKey } from "../../../src/verify/cache/load.ts";
import { createLoader } from "../../../src/verify/cache/loader.ts";
import type { AccountAccess } from "../../../src/verify/evaluate/credential.ts";

/** A statement that was sent and has no result yet. */
export interface Sent {
  ids: string[];
  answer(server?: string): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/**
 * Creates a loader whose statements the test answers. Ids that begin with `un` are unknown to the database. Ids that begin
 * with `many` are sessions of a user of forty accounts, `acct_1` to `acct_40`. Ids that begin with `large` have large rows.
 */
export function handDriven(entries = 1_000) {
  const cache = createCache(entries);
  const sent: Sent[] = [];
  const feed = { coherent: true, staleness: false };
  const { loader, inFlight } = createLoader(
    (lookupKeys) => new Promise((resolve, reject) => sent.push(statement(lookupKeys, resolve, reject))),
    cache,
    () => ({
      time: () => (feed.coherent ? 0 : undefined),
      staleTime: () => (feed.staleness ? 0 : undefined),
      primary: () => (feed.coherent ? "this one" : undefined),
    }),
    { hit() {}, miss() {} },
  );
  const invalidate = (...tags: string[]) => {
    inFlight.invalidate(tags);
    cache.invalidate(tags);
  };
  const fetch = (id: string, caller = "a caller", fresh = false) =>
    loader.fetch({ id, accountId: "", workspaceId: "" }, { caller, fresh });
  const fetchFor = (id: string, tenantId?: string) =>
    loader.fetch(
      { id, accountId: "", workspaceId: "", ...(tenantId !== undefined && { tenantId }) },
      { caller: "a caller", fresh: false },
    );
  const lookUp = (id: string, accountId: string) =>
    loader.fetch({ id, accountId, workspaceId: "" }, { caller: "a caller", fresh: false });
  const recall = (id: string, accountId: string) => loader.recall({ id, accountId, workspaceId: "" });
  const isCached = (id: string) => recall(id, "") !== undefined;
  /** Loads ids into the cache. */
  async function learn(...ids: string[]): Promise<void> {
    const all = ids.map((id) => fetch(id));
    await turn();
    for (const statement of sent.splice(0)) await statement.answer();
    await Promise.all(all);
  }
  return { cache, sent, feed, loader, invalidate, fetch, fetchFor, lookUp, recall, isCached, learn };
}

/** Creates an account for which a platform key acts. */
export function tenantOf(id: string): TenantJson {
  return {
    id,
    external_id: "",
    platform: false,
    suspended: false,
    profile: { id: "prof_1", type: "system", name: "", email: "" },
    entitlements: [],
  };
}

/** Resolves in the next turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

function statement(
  lookupKeys: readonly LookupKey[],
  resolve: (rows: Loaded[]) => void,
  reject: (error: unknown) => void,
) {
  return {
    ids: lookupKeys.map((lookupKey) => lookupKey.id),
    async answer(server = "this one") {
      resolve(lookupKeys.map((lookupKey) => rowOf(lookupKey, server)));
      await turn();
    },
    async fail(error: unknown) {
      reject(error);
      await turn();
    },
  };
}

function rowOf({ id, accountId }: LookupKey, server: string): Loaded {
  const base = { workspace: undefined, now: new Date(0), server };
  if (id.startsWith("un")) return { ...base, credential: undefined };
  const accounts = id.startsWith("many") ? fortyAccounts : [];
  const credential = {
    id,
    kind: "application" as const,
    system: false,
    environment: null,
    expires_at: null,
    disabled_at: null,
    revoked_at: null,
    user_id: "user_1",
    last_used_at: null,
    tokens: [],
    name: null,
    external_id: null,
    embed: null,
    labels: [],
    accounts,
    openings: accounts.filter(({ account_id }) => account_id === accountId).map(accessTo),
  };
  return { ...base, credential, items: id.startsWith("large") ? 1_001 : 1_000 };
}

const fortyAccounts = Array.from({ length: 40 }, (_, index) => ({ account_id: `acct_${index + 1}` }));

function accessTo({ account_id }: { account_id: string }): AccountAccess {
  return {
    account_id,
    external_id: "",
    platform: false,
    suspended: false,
    profile: { id: "prof_1", type: "user", name: "", email: "" },
    owner: false,
    workspace_scope: "all",
    held: permissionSet([]),
    entitlements: [],
    entitled: [],
    liveWorkspaces: [],
    archivedWorkspaces: [],
    limits: [],
    credits: [],
    drawsOn: null,
    limitedBy: null,
  };
}
