import { newId } from "../../../src/domain/kernel/id.ts";
import type { Owner, SharedApp } from "../app.ts";

/** What the keys have besides their ids. */
export interface ManyKeys {
  labels?: Record<string, string>;
  mintedBy?: string | null;
}

/** Inserts many application keys without tokens by SQL, because as many calls would be slow. Returns their ids. */
export async function manyKeys(
  { db }: Pick<SharedApp, "db">,
  owner: Owner,
  count: number,
  { labels = {}, mintedBy = null }: ManyKeys = {},
): Promise<string[]> {
  const account_id = owner.account.metadata?.id ?? "";
  const made = Array.from({ length: count }, () => ({ id: newId("key"), profile_id: newId("prof") }));
  const profiles = made.map(({ profile_id }) => ({
    id: profile_id,
    account_id,
    type: "api_key" as const,
    name: "x",
  }));
  const keys = made.map((ids) => ({
    ...ids,
    account_id,
    name: "x",
    labels,
    permissions: [],
    kind: "application" as const,
    environment: "live" as const,
    workspace_scope: "selected" as const,
    created_by: owner.profile.metadata?.id ?? "",
    minted_by_key_id: mintedBy,
  }));
  await db.insertInto("profile").values(profiles).execute();
  await db.insertInto("api_key").values(keys).execute();
  return made.map(({ id }) => id);
}
