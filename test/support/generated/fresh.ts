// Fails if gen/, or that of an example or of the console, differs from what `npm run generate` makes of the schemas. Also
// fails if console/dist differs from what `npm run console` makes of its sources.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const maxShown = 5;

function contents(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((file) => join(file.parentPath, file.name));
  return new Map(paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, "utf8")]));
}

/** Generates code into an empty folder, and returns the paths in `gen` that differ from those in `directory`. */
function stale(directory: string, args: string[]): string[] {
  return withScratch((out) => {
    run("buf", ["generate", "--output", out, ...args]);
    return differences(join(out, "gen"), join(directory, "gen"));
  });
}

/** Builds the console into an empty folder, and returns the paths in console/dist that differ. */
function staleConsole(): string[] {
  return withScratch((out) => {
    run("vite", ["build", "console", "--logLevel", "warn", "--emptyOutDir", "--outDir", out]);
    return differences(out, join("console", "dist"));
  });
}

function withScratch<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-gen-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: "inherit" });
  // npm adds the folder of the programs to PATH.
  if (error) process.stderr.write(`${program} did not start. Use \`npm run fresh\`: ${error.message}\n`);
  if (status !== 0) process.exit(1);
}

function differences(madeFolder: string, keptFolder: string): string[] {
  const [made, kept] = [contents(madeFolder), contents(keptFolder)];
  const paths = new Set([...made.keys(), ...kept.keys()]);
  return [...paths].filter((path) => made.get(path) !== kept.get(path)).map((path) => join(keptFolder, path));
}

const withTemplate = (folder: string) => stale(folder, ["--template", join(folder, "buf.gen.yaml")]);
const generated = [
  ...stale("", []),
  ...withTemplate(join("examples", "prompts-api")),
  ...withTemplate("console"),
];
// The page contains the code in console/gen. So it also differs after `npm run generate`, until it is built again.
const built = staleConsole();
if (generated.length > 0) report("npm run generate", generated);
if (built.length > 0) report("npm run console", built);

// The built page has one file per chunk, and the names of all chunks change together.
function report(command: string, paths: readonly string[]): void {
  const shown = paths.slice(0, maxShown).join(", ");
  const more = paths.length > maxShown ? ` and ${paths.length - maxShown} more` : "";
  process.stderr.write(
    `Run \`${command}\` and commit the result. These files are not fresh: ${shown}${more}\n`,
  );
  process.exitCode = 1;
}
