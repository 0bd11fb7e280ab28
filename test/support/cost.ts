/**
 * Returns how often `base` fits into the time of `work`. Both are measured again while the ratio is `most` or more, because
 * other work on the machine may have slowed one of them. Only the fastest runs count.
 */
export function costRatio(work: () => void, base: () => void, most: number): number {
  let ratio = Number.POSITIVE_INFINITY;
  const fastest = { work: Number.POSITIVE_INFINITY, base: Number.POSITIVE_INFINITY };
  for (let attempt = 0; attempt < attempts && (attempt < least || ratio >= most); attempt++) {
    fastest.work = Math.min(fastest.work, timeOf(work));
    fastest.base = Math.min(fastest.base, timeOf(base));
    ratio = fastest.work / fastest.base;
  }
  return ratio;
}

const least = 2;
const attempts = 12;

function timeOf(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
