import { distance } from "fastest-levenshtein";

/** Returns `, did you mean "x"?` if a known word is near this one, else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  if (word.length > 40) return "";
  const near = known
    .map((one) => ({ one, edits: distance(word, one) }))
    .filter(({ one, edits }) => edits < one.length && edits <= Math.max(2, Math.floor(one.length / 3)))
    .sort((a, b) => a.edits - b.edits)[0];
  return near ? `, did you mean "${near.one}"?` : "";
}
