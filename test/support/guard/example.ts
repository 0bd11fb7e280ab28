import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../imports.ts";
import { follow, type Started } from "../server/serve.ts";

const example = join("examples", "prompts-api");

/**
 * Installs an example in a folder, beside the built package `latchkey` and what it depends on. npm and the checkout's own
 * build have no part in it.
 */
export async function installExample(folder: string): Promise<void> {
  const modules = join(folder, "node_modules");
  const latchkey = join(modules, "latchkey");
  mkdirSync(latchkey, { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && name !== "latchkey")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  cpSync(join(root, "package.json"), join(latchkey, "package.json"));
  cpSync(join(root, example), join(folder, example), { recursive: true });
  const compiler = join(root, "node_modules", ".bin", "tsc");
  const options = ["-p", "tsconfig.build.json", "--outDir", join(latchkey, "dist")];
  await promisify(execFile)(compiler, options, { cwd: root });
}

/** Starts the installed example on any free port. */
export function startExample(folder: string, env: Record<string, string>): Started {
  const child = spawn(process.execPath, [join(example, "main.ts")], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return follow(child);
}
