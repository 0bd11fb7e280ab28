import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a program that imports `file`, estimates the strength of a password and ends. Returns the program's output. */
async function estimateWith(file: string): Promise<string> {
  const program = `
    const { createEstimator } = await import(${JSON.stringify(file)});
    const estimator = createEstimator({ onFailure: (error) => console.log(error.message) });
    console.log((await estimator.estimate("somebody", "correct horse battery staple", [])).score);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: root,
    timeout: 30_000,
  });
  return stdout;
}

test("the password thread does not keep the process alive", async () => {
  expect(await estimateWith(`${root}src/app/password-estimator.ts`)).toBe("4\n");
});

test("the password thread also starts from compiled code", async () => {
  // The directory is inside the repository, so that node finds the packages.
  const out = await mkdtemp(`${root}node_modules/.compiled-`);
  onTestFinished(() => rm(out, { recursive: true }));
  const files = ["src/app/password-estimator.ts", "src/app/password-worker.ts"];
  const options = "--ignoreConfig --target es2024 --module nodenext --types node --skipLibCheck".split(" ");
  const emit = ["--rewriteRelativeImportExtensions", "--rootDir", "src", "--outDir", out];
  await run(process.execPath, ["node_modules/typescript/bin/tsc", ...options, ...emit, ...files], {
    cwd: root,
  });
  expect(await estimateWith(`${out}/app/password-estimator.js`)).toBe("4\n");
});
