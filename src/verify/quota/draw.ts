/** A request to take credits. */
export interface Draw {
  /** The account of the records. Accounts take turns. */
  accountId: string;
  /** The records to take from: all of them, or none. */
  ids: readonly string[];
  /** The credits to take from each record. */
  cost: number;
  /** If true, the draw takes nothing, and returns whether it would succeed otherwise. */
  dryRun?: boolean;
}

/** The result of a draw. */
export interface Drawn {
  allowed: boolean;
  /** The record that has the least left, after the draw. Unset if none of the records exists any more. */
  state: CreditState | undefined;
}

/** What is left of a record. */
export interface CreditState {
  remaining: number;
  /** The amount of the refill, or else the credits that were set and added. */
  limit: number;
  /** When the record is refilled next. Unset if it is not refilled. */
  refillAt: Date | undefined;
}

/** Successive equal draws. One statement decides about all of them. */
export interface Run {
  ids: readonly string[];
  /** What each record must have left. */
  needs: number;
  /** What a draw takes from each record. */
  takes: number;
  count: number;
}

/** What the database did for a run. */
export interface DrawnRun {
  /** How many draws of the run took their credits: the first ones. Undefined if another transaction holds a record. */
  granted: number | undefined;
  /** The state after the last draw of the run. */
  state: CreditState | undefined;
}

/** Returns the runs of successive draws. */
export function runsOf(draws: readonly Draw[]): Run[] {
  const runs: Run[] = [];
  for (const { ids, cost, dryRun } of draws) {
    const [needs, takes] = [cost, dryRun ? 0 : cost];
    const last = runs.at(-1);
    if (last && last.needs === needs && last.takes === takes && sameIds(last.ids, ids)) last.count += 1;
    else runs.push({ ids, needs, takes, count: 1 });
  }
  return runs;
}

/** Returns the result of each draw, or undefined for a draw that found a record held by another transaction. */
export function* drawnOf(runs: readonly Run[], drawn: readonly DrawnRun[]): Generator<Drawn | undefined> {
  for (const [index, { count, takes }] of runs.entries()) {
    const { granted, state } = drawn[index] ?? { granted: undefined, state: undefined };
    for (let place = 1; place <= count; place++) {
      if (granted === undefined) yield undefined;
      else if (place > granted) yield { allowed: false, state };
      else
        yield {
          allowed: true,
          // Later draws of the run took theirs after this one.
          state: state && { ...state, remaining: state.remaining + (granted - place) * takes },
        };
    }
  }
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
