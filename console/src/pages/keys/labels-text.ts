/** Returns labels as text, such as `env=prod, team=ai`. */
export function textOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

/** Returns the labels of a text, or undefined if a part of it is not `name=value`. The server checks the names and values. */
export function labelsOf(text: string): Record<string, string> | undefined {
  const parts = text.split(/[,\n]/).map((part) => part.trim());
  const pairs = parts.filter((part) => part !== "").map((part) => /^([^=\s]+)=(\S*)$/.exec(part));
  const labels: Record<string, string> = {};
  for (const pair of pairs) {
    if (!pair) return undefined;
    labels[pair[1] ?? ""] = pair[2] ?? "";
  }
  return labels;
}
