/** Returns a text as HTML, so that none of its characters is markup. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Returns text in one line of Markdown as HTML: code, bold text, and nothing else. */
export function inline(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
}

/** Returns Markdown as HTML: paragraphs and lists. */
export function markdown(text: string): string {
  return text
    .split(/\n{2,}/)
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const lines = block.trim().split("\n");
      if (!lines.every((line) => line.startsWith("- "))) return `<p>${inline(lines.join(" "))}</p>`;
      return `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join("")}</ul>`;
    })
    .join("\n");
}

/** Returns a table, or nothing if it has no rows. The cells are HTML. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const head = heads.map((one) => `<th scope="col">${one}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** Returns a value as a block of JSON. */
export function json(value: unknown): string {
  return `<pre><code>${escapeHtml(JSON.stringify(value, undefined, 2))}</code></pre>`;
}
