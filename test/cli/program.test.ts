import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

test("git ignores the key files that the README creates", () => {
  const files = [
    "platform-key",
    "verifier-key",
    ".latchkey/me",
    ".latchkey/key.json",
    ".latchkey/platform-key",
  ];
  const ignored = execFileSync("git", ["check-ignore", ...files], { cwd: root, encoding: "utf8" });
  expect(ignored.trim().split("\n")).toEqual(files);
});

// npm makes the programs of a package executable. In a checkout, this changed the mode of a file that git tracks.
test("each program of the package that git tracks is executable, so that npm ci leaves a clean tree", () => {
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { bin: object };
  const programs = ["src/main.ts", ...Object.values(bin)];
  const tracked = execFileSync("git", ["ls-files", "--stage", ...programs], { cwd: root, encoding: "utf8" });
  const lines = tracked.trim().split("\n");
  expect(lines).toContainEqual(expect.stringMatching(/\tsrc\/main\.ts$/));
  for (const line of lines) expect(line).toMatch(/^100755 /);
});

test("CHANGELOG.md has a section for the version of package.json", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(readFileSync(join(root, "CHANGELOG.md"), "utf8").split("\n")).toContain(`## ${version}`);
});
