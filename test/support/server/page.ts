import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..", "..");

/** Returns the code blocks of one language in a section of a page. Throws if there is none. */
export function blocksOf(page: string, section: string, language: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  const [, ...after] = text.split(new RegExp(`^#+ ${section}\n`, "m"));
  const [content = ""] = after.join("").split(/^#+ [A-Z]/m);
  const blocks = [...content.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const found = blocks.filter(([, one]) => one === language).map(([, , code = ""]) => code);
  if (found.length === 0) throw new Error(`${page} has no ${language} in the section "${section}"`);
  return found;
}
