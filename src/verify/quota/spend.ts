import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { withStatements } from "../../db/statement-scope.ts";
import type { DrawnRun, Run } from "./draw.ts";

/** How to take credits. */
export interface SpendHow {
  /** Whether the statement waits for records that another transaction holds. Otherwise it leaves them out. */
  waits: boolean;
  /** The statement is cancelled after so many milliseconds. Then it has taken nothing. */
  limitMs: number;
}

interface Row {
  granted: number | null;
  remaining: string | null;
  limit: string | null;
  refill_at: Date | null;
}

/** Takes the credits of runs, in their order, by one statement. It has committed when the result arrives. */
export async function spend(db: Db, runs: readonly Run[], { waits, limitMs }: SpendHow): Promise<DrawnRun[]> {
  const { ids, positions, firsts } = placesOf(runs);
  const column = (name: "needs" | "takes" | "count") => runs.map((run) => run[name]);
  const { rows } = await withStatements({ limitMs }, () =>
    sql<Row>`
      select granted, remaining, "limit", refill_at from latchkey_spend(
        ${ids}::text[], ${positions}::integer[], ${firsts}::integer[],
        ${column("needs")}::bigint[], ${column("takes")}::bigint[], ${column("count")}::integer[], ${waits}
      )`.execute(db),
  );
  return rows.map(({ granted, remaining, limit, refill_at }) => ({
    granted: granted ?? undefined,
    state:
      remaining === null
        ? undefined
        : { remaining: Number(remaining), limit: Number(limit), refillAt: refill_at ?? undefined },
  }));
}

// Postgres counts from 1.
function placesOf(runs: readonly Run[]): { ids: string[]; positions: number[]; firsts: number[] } {
  const places = new Map<string, number>();
  const positions: number[] = [];
  const firsts = runs.map((run) => {
    const first = positions.length + 1;
    for (const id of new Set(run.ids)) {
      const place = places.get(id) ?? places.size + 1;
      places.set(id, place);
      positions.push(place);
    }
    return first;
  });
  return { ids: [...places.keys()], positions, firsts };
}
