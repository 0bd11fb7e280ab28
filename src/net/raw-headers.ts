/**
 * Returns how often a client sent a header. Node's own list of headers has only the first of some of them. `rawHeaders` has
 * names and values alternately; `name` is in lower case.
 */
export function countOfHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at] ?? "";
    if (one.length === name.length && one.toLowerCase() === name) count += 1;
  }
  return count;
}
