import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/** Events of a resource type are found by an index. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index audit_event_resource_type on audit_event (account_id, resource_type, id)`.execute(
    db,
  );
}
