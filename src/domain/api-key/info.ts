import { type Selectable, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import type { ProfileRef } from "../access/principal.ts";

/** What the server knows of a key. */
export interface ApiKeyInfo {
  createdBy: ProfileRef | undefined;
  workspacesPreview: { id: string; name: string }[];
  workspacesTotal: number;
  lastUsedAt: Date | undefined;
  /** The live tokens, oldest first. */
  tokens: TokenInfo[];
}

/** A live token of a key, without its secret. */
export interface TokenInfo {
  hint: string;
  createdAt: Date;
  endsAt: Date | null;
  lastUsedAt: Date | null;
}

type Key = Pick<
  Selectable<Database["api_key"]>,
  "id" | "account_id" | "profile_id" | "created_by" | "revoked_at"
>;

const previewLength = 3;

/** What the server knows of some keys, by their ids. */
export async function loadInfo(db: Db, keys: Key[]): Promise<Map<string, ApiKeyInfo>> {
  if (keys.length === 0) return new Map();
  // One after the other: within a transaction there is one connection.
  const makers = await selectMakers(db, keys);
  const workspaces = await selectWorkspaces(db, keys);
  const tokens = await selectTokens(db, keys);
  return new Map(
    keys.map((key) => {
      const granted = workspaces.filter((row) => row.profile_id === key.profile_id);
      const all = tokens.filter((row) => row.api_key_id === key.id);
      const used = all.flatMap((row) => (row.last_used_at ? [row.last_used_at.getTime()] : []));
      return [
        key.id,
        {
          createdBy: makers.find((row) => row.id === key.created_by),
          workspacesPreview: granted.map((row) => ({ id: row.id, name: row.name })),
          workspacesTotal: granted[0]?.total ?? 0,
          lastUsedAt: used.length > 0 ? new Date(Math.max(...used)) : undefined,
          tokens: key.revoked_at ? [] : all.filter((row) => row.live).map(toTokenInfo),
        },
      ];
    }),
  );
}

function toTokenInfo(row: {
  hint: string;
  created_at: Date;
  ends_at: Date | null;
  last_used_at: Date | null;
}) {
  return {
    hint: row.hint,
    createdAt: row.created_at,
    endsAt: row.ends_at,
    lastUsedAt: row.last_used_at,
  };
}

function selectMakers(db: Db, keys: Key[]): Promise<ProfileRef[]> {
  return db
    .selectFrom("profile")
    .select(["id", "type", "name", "email"])
    .where("id", "in", [...new Set(keys.map((key) => key.created_by))])
    .execute();
}

// The first few by name of each profile, and how many there are, without reading the rest into memory.
async function selectWorkspaces(db: Db, keys: Key[]) {
  const profiles = keys.map((key) => key.profile_id);
  const { rows } = await sql<{ profile_id: string; id: string; name: string; total: number }>`
    select profile_id, id, name, total::int from (
      select g.profile_id, w.id, w.name,
        count(*) over (partition by g.profile_id) as total,
        row_number() over (partition by g.profile_id order by w.name, w.id) as position
      from workspace_grant g
      join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
      where g.account_id = any(${[...new Set(keys.map((key) => key.account_id))]})
        and g.profile_id = any(${profiles})
    ) ranked
    where position <= ${previewLength}
    order by profile_id, position`.execute(db);
  return rows;
}

async function selectTokens(db: Db, keys: Key[]) {
  return db
    .selectFrom("api_key_token as t")
    .leftJoin("api_key_token_use as u", "u.token_id", "t.id")
    .select(["t.api_key_id", "t.hint", "t.created_at", "t.ends_at", "u.last_used_at"])
    .select(sql<boolean>`coalesce(t.ends_at > clock_timestamp(), true)`.as("live"))
    .where(
      "t.api_key_id",
      "in",
      keys.map((key) => key.id),
    )
    .orderBy("t.id")
    .execute();
}
