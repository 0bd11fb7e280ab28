import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import { primaryProof } from "../db/primary-proof.ts";
import { withStatements } from "../db/statement-scope.ts";

/** Follows whether the database answers. */
export interface DatabaseHealth {
  stop(): void;
}

const intervalMs = 1_000;
const limitMs = 1_000;

/**
 * Asks the database every second, one question at a time, and tells whenever the answer changes. A server that is not known to
 * be the primary has to prove it, as for a verification.
 */
export function watchDatabase(
  db: Db,
  primary: () => string | undefined,
  tell: (reachable: boolean) => void,
): DatabaseHealth {
  let told: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function ask(): Promise<void> {
    const proof = sql`
      with here as materialized (${primaryProof(primary() ?? "")})
      select from here left join (select from credential limit 0) as readable on true`;
    const reachable = await withStatements({ limitMs }, () => proof.execute(db)).then(
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
