// Fails if gen/, or that of an example or of the console, differs from what `npm run generate` makes of the schemas. Also
// fails if console/dist differs from what `npm run console` makes of its sources.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

function differences(madeFolder: string, keptFolder: string): string[] {
  const [made, kept] = [contents(madeFolder), contents(keptFolder)];
  const paths = new Set([...made.keys(), ...kept.keys()]);
  return [...paths].filter((path) => made.get(path) !== kept.get(path)).map((path) => join(keptFolder, path));
}

const withTemplate = (folder: string) => stale(folder, ["--template", join(folder, "buf.gen.yaml")]);
const found = [
  ...stale("", []),
  ...withTemplate(join("examples", "prompts-api")),
  ...withTemplate("console"),
  ...staleConsole(),
];
if (found.length > 0) {
  process.stderr.write(
    `Generated files are not fresh. Run \`npm run generate\` and \`npm run console\`, and commit the result: ${found.join(", ")}\n`,
  );
  process.exitCode = 1;
}
