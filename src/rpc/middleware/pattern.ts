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
