import { sql } from "kysely";

/** The start time of the server that a statement ran on. It identifies the server. */
export interface PrimaryProof {
  server: string;
}

// The subquery makes Postgres evaluate the condition before anything is written. NOTIFY fails on a standby.
const beforeServer = `
  select server,
    case when recovering then pg_notify('latchkey', '')::text end as standby,
    case when unproven and current_setting('synchronous_commit') in ('off', 'local')
      then set_config('synchronous_commit', 'on', true) end as setting,
    case when unproven then pg_logical_emit_message(true, 'latchkey', '') end as message
  from (
    select server, recovering,
      not recovering and server <> `;
const afterServer = ` and current_setting('synchronous_standby_names') <> '' as unproven
    from (select pg_postmaster_start_time()::text as server, pg_is_in_recovery() as recovering offset 0) as started
    offset 0
  ) as here`;

/**
 * SQL that makes its statement prove that the server is still the primary, unless it is the server `believed`. One row. On
 * a standby, which may lag behind the primary, the statement fails (SQLSTATE 25006).
 *
 * Postgres waits with a commit that wrote WAL until the synchronous standby has it. An old primary, whose standby was
 * promoted, waits for ever. A statement that only reads waits for nothing, so this one writes a message that no server reads.
 * Its rows count once the statement has committed, not before. Without `synchronous_standby_names`, it writes nothing.
 */
export function primaryProof(believed: string) {
  return sql<PrimaryProof>`${sql.raw(beforeServer)}${believed}${sql.raw(afterServer)}`;
}

/** The same as a separate statement, with `believed` as its only parameter. */
export const primaryProofText = `${beforeServer}$1${afterServer}`;
