import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/** The time of a client address is known, so that a report that arrives late does not replace the address of a later use. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table api_key_token_use add column client_address_at timestamptz`.execute(db);
}
