import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A change of one source file: replaces the text `from`, which must occur exactly once. */
export interface Edit {
  file: string;
  from: string;
  to: string;
}

/** Copies the sources to a temporary directory and changes them there. Returns the directory. The caller removes it. */
export function alterCopy(root: string, edits: readonly Edit[]): string {
  const copy = mkdtempSync(join(tmpdir(), "latchkey-altered-"));
  for (const part of ["src", "gen", "package.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(resolve(root, "node_modules"), join(copy, "node_modules"));
  for (const { file, from, to } of edits) {
    const path = join(copy, file);
    const text = readFileSync(path, "utf8");
    if (text.split(from).length !== 2) throw new Error(`${file}: expected this text exactly once: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return copy;
}
