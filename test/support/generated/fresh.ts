// Fails if gen/ differs from what `npm run generate` makes of proto/.
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

const out = mkdtempSync(join(tmpdir(), "latchkey-gen-"));
try {
  const { status } = spawnSync("buf", ["generate", "--output", out], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
  const [made, kept] = [contents(join(out, "gen")), contents("gen")];
  const stale = [...new Set([...made.keys(), ...kept.keys()])].filter(
    (path) => made.get(path) !== kept.get(path),
  );
  if (stale.length > 0) {
    process.stderr.write(
      `gen/ is not fresh. Run \`npm run generate\`, and commit gen/: ${stale.join(", ")}\n`,
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
