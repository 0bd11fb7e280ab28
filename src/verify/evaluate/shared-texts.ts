/** Returns the one kept copy of a text. Then equal texts of many cached credentials take memory only once. */
export type ShareText = (text: string) => string;

const maxTexts = 10_000;

/** Creates the shared texts of a cache. Keeps the first 10,000 texts. It returns every further text itself. */
export function createSharedTexts(): ShareText {
  const texts = new Map<string, string>();
  return (text) => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    if (texts.size < maxTexts) texts.set(text, text);
    return text;
  };
}
