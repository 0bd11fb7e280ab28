import type { Insertable } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { fixedStatement, type Value } from "../../db/fixed-statement.ts";
import type { Database, StoredRateLimit } from "../../db/schema.ts";
import { platformKeyOf } from "../access/acting.ts";
import type { Caller } from "../access/principal.ts";
import type { MintedToken } from "../kernel/token.ts";
import type { ApiKey, ApiKeyRow } from "./api-key.ts";

type Maker = "account_id" | "created_by" | "minted_by_key_id" | "platform_key_id";

/** The row of a new key, without the columns that name its maker. */
export type NewRow = Required<
  Omit<
    Insertable<Database["api_key"]>,
    Maker | "system" | "created_at" | "changed_at" | "disabled_at" | "revoked_at" | "version" | "rate_limits"
  >
> & { rate_limits: StoredRateLimit[] };

/**
 * Inserts a key, its profile and its first token. Returns the key as it is stored, with `info` as it is without workspaces
 * and credits.
 */
export async function insertKey(
  tx: Tx,
  caller: Caller,
  row: NewRow,
  serviceAccountId: string | null,
  { hash, hint }: MintedToken,
): Promise<ApiKey> {
  const { accountId, profile, home, keyId = null } = caller;
  const [inserted] = await insertion(tx, {
    ...row,
    rate_limits: JSON.stringify(row.rate_limits),
    account_id: accountId,
    created_by: profile.id,
    // The caller's key stays locked until the new key exists. So a call that revokes it finds every key that it has minted.
    minted_by_key_id: home ? null : keyId,
    platform_key_id: platformKeyOf(caller),
    hash,
    hint,
  });
  if (!inserted) throw new Error("the insertion of a key returned no row");
  const { token_created_at: createdAt, ...stored } = inserted;
  const token = { hint, createdAt, endsAt: null, lastUsedAt: null, lastClientAddress: null };
  return {
    ...stored,
    expired: false,
    service_account_id: serviceAccountId,
    info: {
      createdBy: { ...profile, platformKeyId: stored.platform_key_id },
      workspacesPreview: [],
      workspacesTotal: 0,
      lastUsedAt: undefined,
      tokens: [token],
      credits: null,
    },
  };
}

interface Values extends Omit<NewRow, "rate_limits"> {
  account_id: string;
  created_by: string;
  minted_by_key_id: string | null;
  platform_key_id: string | null;
  rate_limits: string;
  hash: Buffer;
  hint: string;
}

type Inserted = Omit<ApiKeyRow, "expired" | "service_account_id"> & { token_created_at: Date };

// The token refers to the inserted key, so it comes second. A trigger then knows that no cache holds the key.
const insertion = fixedStatement<Values, Inserted>((db, value: Value<Values>) =>
  db
    .with("new_profile", (qc) =>
      qc.insertInto("profile").values({
        id: value("profile_id"),
        account_id: value("account_id"),
        type: "api_key",
        name: value("name"),
      }),
    )
    .with("new_key", (qc) =>
      qc
        .insertInto("api_key")
        .values({
          id: value("id"),
          account_id: value("account_id"),
          profile_id: value("profile_id"),
          owner_profile_id: value("owner_profile_id"),
          name: value("name"),
          description: value("description"),
          external_id: value("external_id"),
          labels: value("labels"),
          kind: value("kind"),
          environment: value("environment"),
          workspace_scope: value("workspace_scope"),
          permissions: value("permissions"),
          expires_at: value("expires_at"),
          rate_limits: value("rate_limits"),
          limited_by_key_id: value("limited_by_key_id"),
          created_by: value("created_by"),
          minted_by_key_id: value("minted_by_key_id"),
          platform_key_id: value("platform_key_id"),
        })
        .returningAll(),
    )
    .with("new_token", (qc) =>
      qc
        .insertInto("api_key_token")
        .columns(["account_id", "api_key_id", "hash", "hint"])
        .expression((eb) =>
          eb
            .selectFrom("new_key")
            .select(["account_id", "id", value("hash").as("hash"), value("hint").as("hint")]),
        )
        .returning("created_at"),
    )
    .selectFrom(["new_key", "new_token"])
    .selectAll("new_key")
    .select("new_token.created_at as token_created_at"),
);
