/** Work that pauses every millisecond or so: whoever runs it may let other work have its turn then. */
export type Slices<T> = Generator<void, T>;

/** How many items make a slice: well under a millisecond of work. */
export const sliceLength = 1_000;

/** Does all of the work in one go. */
export function atOnce<T>(slices: Slices<T>): T {
  let step = slices.next();
  while (!step.done) step = slices.next();
  return step.value;
}

/** Does the work, and lets the event loop turn after each slice. */
export async function inTurns<T>(slices: Slices<T>): Promise<T> {
  let step = slices.next();
  while (!step.done) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    step = slices.next();
  }
  return step.value;
}

/** Sorts texts in place where they are few, else slice by slice: n log n comparisons. */
export function* sorted(texts: string[]): Slices<string[]> {
  if (texts.length <= sliceLength) return texts.sort();
  let runs: string[][] = [];
  for (let start = 0; start < texts.length; start += sliceLength) {
    runs.push(texts.slice(start, start + sliceLength).sort());
    yield;
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let n = 0; n < runs.length; n += 2) merged.push(yield* merge(runs[n] ?? [], runs[n + 1] ?? []));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(a: readonly string[], b: readonly string[]): Slices<string[]> {
  const merged: string[] = [];
  let [i, j] = [0, 0];
  while (merged.length < a.length + b.length) {
    const [left, right] = [a[i], b[j]];
    if (left !== undefined && (right === undefined || left <= right)) {
      merged.push(left);
      i += 1;
    } else if (right !== undefined) {
      merged.push(right);
      j += 1;
    }
    if (merged.length % sliceLength === 0) yield;
  }
  return merged;
}
