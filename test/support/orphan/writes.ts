import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";
import { load } from "../../../src/verify/cache/load.ts";

/** Whether a load writes anything, where this server is known to be the primary. */
export async function writesToLoad(db: Db, primary: string | undefined): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    await load(tx, [{ id: "key_x", accountId: "", workspaceId: "" }], { limitMs: 1_000, primary });
    const { rows } = await sql<{ writes: boolean }>`
      select pg_current_xact_id_if_assigned() is not null as writes`.execute(tx);
    return rows[0]?.writes ?? false;
  });
}

/** When the server of a database started. */
export async function serverOf(db: Db): Promise<string> {
  const { rows } = await sql<{ server: string }>`
    select pg_postmaster_start_time()::text as server`.execute(db);
  return rows[0]?.server ?? "";
}
