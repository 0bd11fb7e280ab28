import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type PrimaryProof, primaryProof } from "../../db/primary-proof.ts";
import type { AccountAccessJson, TenantJson } from "../../db/schema.ts";
import { withStatements } from "../../db/statement-scope.ts";
import { inTurns } from "../../domain/kernel/slices.ts";
import { type Credential, type CredentialRow, toCredentials } from "../evaluate/credential.ts";
import type { ShareSet } from "../evaluate/shared-sets.ts";
import type { ShareText } from "../evaluate/shared-texts.ts";

/** What to load: a credential, and the workspace that its bearer wants to enter. An empty `workspaceId` means none. */
export interface LookupKey {
  id: string;
  /** The account of a user whose access is loaded. An empty id means the user's only account. For a key, it is ignored. */
  accountId: string;
  workspaceId: string;
  /** The account for which a platform key acts. Without it, no such account is loaded. */
  tenantId?: string;
}

/** Everything that a verdict needs, as one statement read it. */
export interface Loaded {
  credential: Credential | undefined;
  /** The workspace of the lookup key. It may belong to any account. */
  workspace: { id: string; accountId: string; live: boolean } | undefined;
  /** The account for which a platform key acts. Null if it does not exist. Unset if the lookup key names none. */
  tenant?: TenantJson | null;
  /** The time of the database when it read the row. For an entry of the cache, the time of the database now, never late. */
  now: Date;
  /** The server that read the row, by the time at which it started. Unset for an entry of the cache. */
  server?: string;
  /** The number of items in the lists of the row that was read. Unset for an entry of the cache. */
  items?: number;
  /** How many changes the cache had made when it was last seen to hold the same. */
  heldAt?: number;
}

interface Row extends Omit<CredentialRow, "id">, PrimaryProof {
  id: string | null;
  /** For a user: the access to one account. */
  opening: AccountAccessJson | null;
  workspace_id: string | null;
  workspace_account_id: string | null;
  workspace_live: boolean;
  tenant: TenantJson | null;
  now: Date;
}

/** How to load it. */
export interface LoadHow {
  /** The statement is cancelled after so many milliseconds. */
  limitMs: number;
  /** The server that is known to be the primary, if any. Any other server has to prove it by the statement itself. */
  primary: string | undefined;
}

/**
 * Loads what some verdicts need, by one statement in autocommit through the view `bearer`. Returns the results in
 * the order of the lookup keys. Processing of long lists pauses, so that the event loop gets its turns. `share` and `setOf`
 * are for results that are kept.
 */
export async function load(
  db: Db,
  lookupKeys: readonly LookupKey[],
  { limitMs, primary }: LoadHow,
  share?: ShareText,
  setOf?: ShareSet,
): Promise<Loaded[]> {
  const rows = await withStatements({ limitMs }, () => loadRows(db, lookupKeys, primary ?? ""));
  const credentials = (await inTurns(toCredentials(rows.flatMap(credentialOf), share, setOf))).values();
  return rows.map((row, index) => ({
    credential: row.id === null ? undefined : credentials.next().value,
    workspace:
      row.workspace_id === null || row.workspace_account_id === null
        ? undefined
        : { id: row.workspace_id, accountId: row.workspace_account_id, live: row.workspace_live },
    ...(lookupKeys[index]?.tenantId !== undefined && { tenant: row.tenant }),
    now: row.now,
    server: row.server,
    items: itemsOf(row),
  }));
}

async function loadRows(db: Db, lookupKeys: readonly LookupKey[], primary: string): Promise<Row[]> {
  const column = (name: keyof LookupKey) => lookupKeys.map((lookupKey) => lookupKey[name] ?? "");
  // `limit 1` makes Postgres look each id up by itself. With a plain join, it would build the whole view first. `(select …)`
  // hides the number of ids, so that the generic plan never seems more expensive than a plan made for every call.
  const { rows } = await sql<Row>`
    with here as materialized (${primaryProof(primary)})
    select c.id, c.kind, c.system, c.environment, c.expires_at, c.disabled_at, c.revoked_at, c.user_id,
      c.last_used_at, c.tokens, c.accounts, c.openings, c.name, c.external_id, c.labels, c.embed,
      o.opening,
      w.id as workspace_id, w.account_id as workspace_account_id, w.archived_at is null as workspace_live,
      case when wanted.tenant_id <> '' then (select t.tenant from tenant t where t.id = wanted.tenant_id) end as tenant,
      clock_timestamp() as now, here.server
    from here cross join unnest(
      (select ${column("id")}::text[]), (select ${column("accountId")}::text[]), (select ${column("workspaceId")}::text[]),
      (select ${column("tenantId")}::text[])
    ) with ordinality as wanted (id, account_id, workspace_id, tenant_id, position)
    left join lateral (select * from bearer where bearer.id = wanted.id limit 1) c on true
    left join lateral (
      select latchkey_bearer_access(c.kind, c.id, case
        when wanted.account_id <> '' then wanted.account_id
        when jsonb_array_length(c.accounts) = 1 then c.accounts #>> '{0,account_id}'
      end) as opening
      offset 0
    ) o on c.accounts is not null
    left join workspace w on w.id = wanted.workspace_id
    order by wanted.position`.execute(db);
  return rows;
}

function credentialOf({ id, opening, ...row }: Row): CredentialRow[] {
  if (id === null) return [];
  return [{ ...row, id, openings: opening === null ? row.openings : [opening] }];
}

function itemsOf({ id, opening, openings, tokens }: Row): number {
  if (id === null) return 0;
  let items = tokens.length;
  for (const access of opening ? [opening] : openings) {
    const { permissions, owner_permissions, workspaces, roles, limits } = access;
    items += permissions.length + (owner_permissions?.length ?? 0) + Object.keys(workspaces).length;
    items += limits ? limits.key.length + limits.account.length + limits.credits.length : 0;
    for (const role of roles ?? []) items += role.permissions.length;
  }
  return items;
}
