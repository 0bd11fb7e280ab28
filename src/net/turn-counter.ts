/** Counts events within one turn of the event loop. */
export interface TurnCounter {
  /** Counts one event. Returns how many there were in this turn. */
  add(): number;
}

/** Creates counters for the turns of the event loop. */
export interface TurnCounters {
  create(): TurnCounter;
}

/** Creates a source of counters. All its counters share one timer for the end of a turn. */
export function createTurnCounters(): TurnCounters {
  let turn = 0;
  let isEnding = false;

  function endSoon(): void {
    if (isEnding) return;
    isEnding = true;
    setImmediate(() => {
      isEnding = false;
      turn += 1;
    });
  }

  return {
    create() {
      let [seen, count] = [turn, 0];
      return {
        add() {
          endSoon();
          if (seen !== turn) [seen, count] = [turn, 0];
          count += 1;
          return count;
        },
      };
    },
  };
}
