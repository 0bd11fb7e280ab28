import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importsOf, root } from "../imports.ts";

// Prints what each import and each `require` of a program resolves to.
const recorder = `
  import { registerHooks } from "node:module";
  import { writeSync } from "node:fs";
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      writeSync(1, resolved.url + "\\n");
      return resolved;
    },
  });
`;

/**
 * Returns every file that a new process loads for these modules, as paths in the `node_modules` of a folder. Modules of Node
 * are not among them.
 */
export function loadedBy(folder: string, modules: readonly string[]): string[] {
  const program = modules.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
  const preload = `--import=data:text/javascript,${encodeURIComponent(recorder)}`;
  const args = [preload, "--input-type=module", "--eval", program];
  const output = execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  const start = `${pathToFileURL(realpathSync(join(folder, "node_modules")))}/`;
  const urls = new Set(output.split("\n").filter((url) => url.startsWith("file:")));
  return [...urls].filter((url) => url.startsWith(start)).map((url) => url.slice(start.length));
}

/** Returns the bytes of all files of a folder. */
export function bytesOf(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.map((name) => lstatSync(join(folder, name))).filter((file) => file.isFile());
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Returns the path in the package of what a source file compiles to. */
export const inDist = (file: string, extension: string) => `dist/${file.replace(/\.ts$/, extension)}`;

/** Returns the source files of what the package exports with types, and of everything that these import. */
export function exportedSources(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { types: string }>;
  };
  const types = Object.values(exports).flatMap((one) => (typeof one === "string" ? [] : [one.types]));
  const sources = types.map((file) => file.replace(/^\.\/dist\//, "").replace(/\.d\.ts$/, ".ts"));
  const found = new Set(sources);
  // The loop also visits what it adds.
  for (const file of found)
    for (const { target } of importsOf(file)) if (/^(src|gen)\//.test(target)) found.add(target);
  return [...found];
}
