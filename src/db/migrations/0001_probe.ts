import { type Kysely, sql } from "kysely";

export const oldestServer = 1;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table latchkey_probe (id integer primary key)`.execute(db);
}
