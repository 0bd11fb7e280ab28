import { createCache } from "../../../src/verify/cache/cache.ts";
import type { Loaded, LookupKey } from "../../../src/verify/cache/load.ts";
import { createLoader } from "../../../src/verify/cache/loader.ts";

/** A statement that was sent and not yet answered. */
export interface Sent {
  ids: string[];
  answer(server?: string): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A loader whose statements are answered by hand; ids that begin with `un` are unknown to the database. */
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
  const fetch = (id: string, caller = "somebody", fresh = false) =>
    loader.fetch({ id, workspaceId: "" }, { caller, fresh });
  const remembers = (id: string) => loader.recall({ id, workspaceId: "" }) !== undefined;
  /** Has an id known: asked, answered and kept. */
  async function learn(...ids: string[]): Promise<void> {
    const all = ids.map((id) => fetch(id));
    await turn();
    for (const statement of sent.splice(0)) await statement.answer();
    await Promise.all(all);
  }
  return { cache, sent, feed, loader, invalidate, fetch, remembers, learn };
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
      resolve(lookupKeys.map((lookupKey) => rowOf(lookupKey.id, server)));
      await turn();
    },
    async fail(error: unknown) {
      reject(error);
      await turn();
    },
  };
}

function rowOf(id: string, server: string): Loaded {
  const base = { workspace: undefined, now: new Date(0), server };
  if (id.startsWith("un")) return { ...base, credential: undefined };
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
    openings: [],
  };
  return { ...base, credential };
}
