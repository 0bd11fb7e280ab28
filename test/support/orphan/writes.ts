import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";
import { load } from "../../../src/verify/cache/load.ts";

/** Returns whether a load writes anything if this server is already known as the primary. */
export async function writesToLoad(db: Db, primary: string | undefined): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await load(tx, [{ id: "key_x", accountId: "", workspaceId: "" }], { limitMs: 1_000, primary });
    const { rows } = await sql<{ writes: boolean }>`
      select pg_current_xact_id_if_assigned() is not null as writes`.execute(tx);
    return rows[0]?.writes ?? false;
  });
}

/** Returns the start time of the server of a database. */
export async function serverOf(db: Db): Promise<string> {
  const { rows } = await sql<{ server: string }>`
    select pg_postmaster_start_time()::text as server`.execute(db);
  return rows[0]?.server ?? "";
}
