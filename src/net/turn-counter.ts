/** Counts what happens within one turn of the event loop. */
export interface TurnCounter {
  /** Counts one more, and returns how many there were in this turn. */
  add(): number;
}

/** The turns of the event loop. */
export interface Turns {
  counter(): TurnCounter;
}

/** Creates counters that share the end of a turn, so that it costs the same however many of them count. */
export function createTurns(): Turns {
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
    counter() {
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
