/**
 * Creates a matcher of the schema's patterns. It uses the engine of JavaScript, which is many times as fast as the default
 * of protovalidate. That engine may backtrack, so a pattern must not repeat a group in which a match can be split in two ways.
 * `createCheckLengths` bounds the strings.
 */
export function createPatternMatcher(): (pattern: string, text: string) => boolean {
  // The patterns are those of the schema, so there are few.
  const compiled = new Map<string, RegExp>();
  return (pattern, text) => {
    const known = compiled.get(pattern) ?? new RegExp(pattern, "u");
    compiled.set(pattern, known);
    return known.test(text);
  };
}

/**
 * Returns the length of the longest text that matches an anchored pattern of ASCII literals, classes, `{n,m}`, `?` and optional
 * groups. Returns undefined if the pattern has anything else, or if it bounds no length.
 */
export function maxPatternLength(pattern: string): number | undefined {
  const isKnown = pattern.startsWith("^") && pattern.endsWith("$") && !/\[\^|\)[*+{]|\\/.test(pattern);
  if (!isKnown) return undefined;
  // A class is one character, and a group counts as if it is there.
  const flat = pattern
    .slice(1, -1)
    .replace(/\[[^\]]+\]/g, "x")
    .replace(/\(|\)\??/g, "");
  let length = 0;
  let rest = flat;
  while (rest !== "") {
    const [part, , most] = /^[\w=-](\?|\{(?:\d+,)?(\d+)\})?/.exec(rest) ?? [];
    if (part === undefined) return undefined;
    length += Number(most ?? 1);
    rest = rest.slice(part.length);
  }
  return length;
}
