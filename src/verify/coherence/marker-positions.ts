/** The positions of this instance's own change markers in the feed. Changes commit in another order than they begin. */
export interface MarkerPositions {
  /** Records that the marker of a change was received. Returns its position. */
  received(change: number): number;
  /** Returns the position of a change's marker, or undefined if the marker was not received or is too old. */
  of(change: number): number | undefined;
  /** Returns the position of the last marker received, or 0 before the first one. */
  last(): number;
}

// Older markers are not needed: acknowledgements are cumulative, so a later one covers them.
const rememberedMarkers = 10_000;

/** Creates the positions of an instance that has received no marker yet. */
export function createMarkerPositions(): MarkerPositions {
  const positions = new Map<number, number>();
  let last = 0;
  return {
    received(change) {
      last += 1;
      positions.set(change, last);
      for (const [oldest] of positions) {
        if (positions.size <= rememberedMarkers) break;
        positions.delete(oldest);
      }
      return last;
    },
    of: (change) => positions.get(change),
    last: () => last,
  };
}
