import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import { primaryProof } from "../db/primary-proof.ts";
import { withStatements } from "../db/statement-scope.ts";
import type { Turn } from "../db/turn-shares.ts";

/** Watches whether the database answers. */
export interface DatabaseHealth {
  stop(): void;
}

const intervalMs = 1_000;
const limitMs = 1_000;
const turn: Turn = { kind: "background", subjects: ["health"], caller: "health", limited: false };

/**
 * Sends a query to the database every second and calls `onChange` whenever its reachability changes. A server that is not
 * known to be the primary must prove that it is, as for a verification.
 */
export function watchDatabase(
  db: Db,
  primary: () => string | undefined,
  onChange: (reachable: boolean) => void,
): DatabaseHealth {
  let known: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function check(): Promise<void> {
    const proof = sql`
      with here as materialized (${primaryProof(primary() ?? "")})
      select from here left join (select from bearer limit 0) as readable on true`;
    const reachable = await withStatements({ limitMs, turn }, () => proof.execute(db)).then(
      () => true,
      () => false,
    );
    if (stopped) return;
    if (reachable !== known) onChange(reachable);
    known = reachable;
    timer = setTimeout(check, intervalMs);
    timer.unref();
  }

  void check();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
