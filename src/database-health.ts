import { sql } from "kysely";
import type { Db } from "./db/connect.ts";

/** Follows whether the database answers. */
export interface DatabaseHealth {
  stop(): void;
}

const intervalMs = 1_000;

/** Asks the database every second, one question at a time, and tells whenever the answer changes. */
export function watchDatabase(db: Db, tell: (reachable: boolean) => void): DatabaseHealth {
  let told: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function ask(): Promise<void> {
    const reachable = await sql`select from credential limit 0`.execute(db).then(
      () => true,
      () => false,
    );
    if (stopped) return;
    if (reachable !== told) tell(reachable);
    told = reachable;
    timer = setTimeout(ask, intervalMs);
    timer.unref();
  }

  void ask();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
