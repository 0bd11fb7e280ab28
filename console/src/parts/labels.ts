/** Labels as a user writes them. */
export interface ParsedLabels {
  labels: Record<string, string>;
  /** What is wrong with the text. The server checks the keys and values themselves. */
  error?: string;
}

/** Reads labels such as `env=prod, team=ai`. */
export function parseLabels(text: string): ParsedLabels {
  const labels: Record<string, string> = {};
  for (const part of text.split(/[,\n]/)) {
    const pair = part.trim();
    if (pair === "") continue;
    const [key = "", ...rest] = pair.split("=");
    const value = rest.join("=").trim();
    const name = key.trim();
    if (name === "" || rest.length === 0) {
      return { labels: {}, error: `Expected key=value, found “${pair}”.` };
    }
    if (Object.hasOwn(labels, name)) return { labels: {}, error: `The label “${name}” is there twice.` };
    labels[name] = value;
  }
  return { labels };
}

/** Returns labels as a user writes them. */
export function labelsText(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}
