/** Work in short slices. Other work may run between two of them. */
export type Slices<T> = Generator<void, T>;

/** The number of items in a slice, which takes a fraction of a millisecond. */
export const sliceLength = 500;
// The time that the work may hold the event loop.
const turnMs = 1;

/** Does all of the work without a break. */
export function atOnce<T>(slices: Slices<T>): T {
  let step = slices.next();
  while (!step.done) step = slices.next();
  return step.value;
}

/** The time that some work may take, and the error if it takes longer. */
export interface TimeBudget {
  ms: number;
  late(): unknown;
}

/** Does the work, and lets the event loop turn every millisecond. */
export async function inTurns<T>(slices: Slices<T>, budget?: TimeBudget): Promise<T> {
  let began = performance.now();
  const end = began + (budget?.ms ?? Number.POSITIVE_INFINITY);
  let step = slices.next();
  while (!step.done) {
    if (budget && performance.now() >= end) throw budget.late();
    if (performance.now() - began >= turnMs) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      began = performance.now();
    }
    step = slices.next();
  }
  return step.value;
}

/** Returns the texts sorted. Sorts a short list in place and a long one slice by slice, with n log n comparisons. */
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
