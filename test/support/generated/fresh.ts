// Fails if gen/, or that of an example, differs from what `npm run generate` makes of the schemas.
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
  const out = mkdtempSync(join(tmpdir(), "latchkey-gen-"));
  try {
    const { status } = spawnSync("buf", ["generate", "--output", out, ...args], { stdio: "inherit" });
    if (status !== 0) process.exit(1);
    const gen = join(directory, "gen");
    const [made, kept] = [contents(join(out, "gen")), contents(gen)];
    const paths = new Set([...made.keys(), ...kept.keys()]);
    return [...paths].filter((path) => made.get(path) !== kept.get(path)).map((path) => join(gen, path));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const example = join("examples", "prompts-api");
const found = [...stale("", []), ...stale(example, ["--template", join(example, "buf.gen.yaml")])];
if (found.length > 0) {
  process.stderr.write(
    `gen/ is not fresh. Run \`npm run generate\`, and commit its result: ${found.join(", ")}\n`,
  );
  process.exitCode = 1;
}
