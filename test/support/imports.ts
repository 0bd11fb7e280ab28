import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** An import of a source file: a path from the root of the repository, or a package. */
export interface Import {
  target: string;
  /** Whether it exists only for types and not at run time. */
  typeOnly: boolean;
}

/** Returns the TypeScript files of a folder, without installed packages. */
export function filesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  // Packages of other projects are installed in bench/ for measurements.
  const ours = names.filter((name) => /\.tsx?$/.test(name) && !name.split(sep).includes("node_modules"));
  return ours.map((name) => join(folder, name));
}

/** Returns the text of a file of the repository. */
export const textOf = (file: string) => readFileSync(join(root, file), "utf8");

const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^"';=]*?\sfrom\s*)?"([^"]+)"/gm;
const expression = /\b(?:import|require)\(\s*["'`]([^"'`]+)["'`]/g;

/** Returns what a file imports, dynamic imports included. */
export function importsOf(file: string): Import[] {
  const text = textOf(file);
  const target = (name = "") =>
    name.startsWith(".") ? relative(root, join(root, dirname(file), name)) : name;
  return [
    ...[...text.matchAll(statement)].map(([, type, name]) => ({
      target: target(name),
      typeOnly: type !== undefined,
    })),
    ...[...text.matchAll(expression)].map(([, name]) => ({ target: target(name), typeOnly: false })),
  ];
}

/** Returns the groups of files in which each file reaches every other one (Tarjan's strongly connected components). */
export function cycles(
  files: string[],
  targetsOf = (file: string) => importsOf(file).map(({ target }) => target),
): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  function visit(file: string): number {
    const own = index.size;
    index.set(file, own);
    low.set(file, own);
    stack.push(file);
    for (const target of targetsOf(file).filter((one) => files.includes(one))) {
      const reached = index.has(target) ? (stack.includes(target) ? index.get(target) : own) : visit(target);
      low.set(file, Math.min(low.get(file) ?? own, reached ?? own));
    }
    const lowest = low.get(file) ?? own;
    if (lowest === own) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1) found.push(group);
    }
    return lowest;
  }
  for (const file of files) if (!index.has(file)) visit(file);
  return found;
}
