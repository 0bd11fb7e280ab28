/** Work in short slices: whoever runs it may let other work have its turn between two of them. */
export type Slices<T> = Generator<void, T>;

/** How many items make a slice: a fraction of a millisecond. */
export const sliceLength = 500;
// How long the event loop is kept before it turns.
const turnMs = 1;

/** Does all of the work in one go. */
export function atOnce<T>(slices: Slices<T>): T {
  let step = slices.next();
  while (!step.done) step = slices.next();
  return step.value;
}

/** How long some work may take, and the error of what takes longer. */
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
