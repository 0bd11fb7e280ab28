import type { ColumnType, Generated } from "kysely";
import type { ApiKeyKind, Environment, Labels, StoredRateLimit, WorkspaceScope } from "./values.ts";

/** The tables of keys and sessions, column by column. `tables.ts` has the others. */
export interface ApiKeyTable {
  id: string;
  account_id: string;
  profile_id: string;
  owner_profile_id: string | null;
  name: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  kind: ApiKeyKind;
  system: Generated<boolean>;
  environment: Environment | null;
  workspace_scope: WorkspaceScope;
  permissions: string[];
  created_by: string;
  created_at: Generated<Date>;
  expires_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
  /** The key that created this key. Null if a person did. */
  minted_by_key_id: string | null;
  /** The platform key that created this key for a tenant. */
  platform_key_id: string | null;
  changed_at: Generated<Date>;
  version: Generated<number>;
  /** Its own limits, written as JSON. Empty if it draws on the counters of another key. */
  rate_limits: ColumnType<StoredRateLimit[], string | undefined, string>;
  /** The other key on whose counters it draws. That key has no such key itself. */
  limited_by_key_id: string | null;
  /** The embed sessions that it made before have ended. A trigger writes it. */
  embed_ended_at: ColumnType<Date | null, never, never>;
}

/**
 * A record of credits. A change that inserts or deletes the record of a key locks that key (`no key update`), so that no key
 * that draws on it is made at the same time. Updates of a record send no tags.
 */
export interface CreditTable {
  /** The id of a key or of the account. */
  id: string;
  account_id: string;
  /** The key, if the record is one of a key. */
  key_id: ColumnType<string | null, never, never>;
  remaining: ColumnType<string, number | string, number | string>;
  /** The credits that were set, and added since. */
  granted: ColumnType<string, number | string | undefined, number | string>;
  refill_amount: ColumnType<string | null, number | string | null, number | string | null>;
  refill_interval: "daily" | "monthly" | null;
  /** The start of the current refill period, in UTC. */
  refilled_at: Generated<Date>;
  created_at: Generated<Date>;
  changed_at: Generated<Date>;
}

export interface ApiKeyTokenTable {
  id: Generated<string>;
  account_id: string;
  api_key_id: string;
  hash: Buffer;
  hint: string;
  created_at: Generated<Date>;
  ends_at: Date | null;
}

/** The grace period of a superseded token: its end, and the profile and credential that started it. */
export interface GracePeriodTable {
  token_id: string;
  account_id: string;
  api_key_id: string;
  /** The profile. */
  made_by: string;
  /** One of these. */
  made_by_key: string | null;
  made_by_session: string | null;
  made_by_identity: string | null;
  /** A digest of the maker's permissions and workspaces at the last comparison. */
  made_with: string;
  ends_at: Date;
}

export interface ApiKeyTokenUseTable {
  token_id: string;
  last_used_at: Date;
  /** The client address that a verifier named last. */
  client_address: string | null;
  client_address_day: string | null;
  client_address_at: Date | null;
}

export interface SessionTable {
  id: string;
  user_id: string;
  hash: Buffer;
  created_at: Generated<Date>;
  expires_at: Date;
  ended_at: Date | null;
}

/** A session of a page that the platform embeds in its product. A platform key made it for an account. */
export interface EmbedSessionTable {
  id: string;
  account_id: string;
  /** The platform key, and the token with which it made the session. */
  key_id: string;
  token_id: string;
  hash: Buffer;
  permissions: string[];
  workspace_ids: string[];
  created_at: Generated<Date>;
  expires_at: Date;
  ended_at: Date | null;
}

export interface SessionUseTable {
  session_id: string;
  last_used_at: Date;
}
