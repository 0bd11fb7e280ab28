import { type Expression, type SqlBool, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { ApiKeyKind, Environment } from "../../db/schema.ts";
import { holds } from "../access/permission.ts";
import { type Caller, requirePermissionOrOwn } from "../access/principal.ts";
import {
  filterOf,
  type ListInput,
  listConditions,
  type Page,
  type PageFilter,
  page,
} from "../kernel/list.ts";
import { type ApiKey, keyOf, selectKeys } from "./api-key.ts";
import { infoColumn } from "./info.ts";
import type { KeyState } from "./key-state.ts";

/** The filter of a list of keys. Undefined fields do not filter. */
export interface ApiKeyFilter extends ListInput {
  includeInfo: boolean;
  showRevoked: boolean;
  kind?: ApiKeyKind | undefined;
  environment?: Environment | undefined;
  /** With `revoked`, the list has revoked keys also without `showRevoked`. */
  state?: KeyState | undefined;
  expiresBefore?: Date | undefined;
  unusedSince?: Date | undefined;
}

// The examination of a row for its last use reads up to 100 tokens of the key.
const maxExaminedForUse = 1_000;

// The same order of precedence as in `keyStateOf`.
const expired = sql`coalesce(api_key.expires_at <= clock_timestamp(), false)`;
const states: Record<KeyState, Expression<SqlBool>> = {
  active: sql`(revoked_at is null and disabled_at is null and not ${expired})`,
  disabled: sql`(revoked_at is null and disabled_at is not null and not ${expired})`,
  expired: sql`(revoked_at is null and ${expired})`,
  revoked: sql`revoked_at is not null`,
};

/** Lists the keys of the caller's account. Without the permission, lists only the caller's own developer keys. */
export async function listApiKeys(db: Db, caller: Caller, filter: ApiKeyFilter): Promise<Page<ApiKey>> {
  const all = holds(caller.permissions, "api_keys:read");
  requirePermissionOrOwn(caller, "api_keys:read", all || caller.kind === "user");
  const showRevoked = filter.showRevoked || filter.state === "revoked";
  let query = selectKeys(db).where("account_id", "=", caller.accountId);
  // One index covers the keys of an owner, another one the keys that are not revoked.
  if (!all) query = query.where("owner_profile_id", "=", caller.profile.id);
  else if (!showRevoked) query = query.where("revoked_at", "is", null);
  const own = all ? undefined : sql<boolean>`kind = 'developer' and (${showRevoked} or revoked_at is null)`;
  const fits = keyFilter(filter, own);
  if (!filter.includeInfo) return page(db, query, "api_key.id", filter, fits);
  const found = await page(db, query.select(infoColumn.as("info")), "api_key.id", filter, fits);
  return { ...found, items: found.items.map(keyOf) };
}

function keyFilter(filter: ApiKeyFilter, own: Expression<SqlBool> | undefined): PageFilter {
  const { kind, environment, state, expiresBefore, unusedSince } = filter;
  const { fits } = filterOf([
    ...listConditions("api_key", filter),
    own,
    kind && sql<SqlBool>`api_key.kind = ${kind}`,
    environment && sql<SqlBool>`api_key.environment = ${environment}`,
    state && states[state],
    expiresBefore && sql<SqlBool>`api_key.expires_at < ${expiresBefore}`,
    unusedSince && unused(unusedSince),
  ]);
  return unusedSince ? { fits, maxExamined: maxExaminedForUse } : { fits };
}

// A subquery for one value, because Postgres could join the tokens of all accounts for `not exists`.
function unused(since: Date): Expression<SqlBool> {
  return sql`(api_key.created_at < ${since} and coalesce((
    select max(u.last_used_at) from api_key_token t
    join api_key_token_use u on u.token_id = t.id
    where t.api_key_id = api_key.id
  ) < ${since}, true))`;
}
