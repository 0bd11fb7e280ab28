import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { root } from "../imports.ts";
import { pack } from "../package/install.ts";
import { follow, type Started } from "../server/serve.ts";

const example = join("examples", "prompts-api");

/**
 * Installs an example in a folder, beside the package `latchkey` and what it depends on. npm has no part in it, so it needs
 * no registry.
 */
export async function installExample(folder: string): Promise<void> {
  const modules = join(folder, "node_modules");
  const latchkey = join(modules, "latchkey");
  mkdirSync(latchkey, { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && name !== "latchkey")
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  cpSync(join(root, example), join(folder, example), { recursive: true });
  const { tarball } = await pack();
  await promisify(execFile)("tar", ["-xzf", tarball, "-C", latchkey, "--strip-components=1"]);
}

/** Starts the installed example on any free port. */
export function startExample(folder: string, env: Record<string, string>): Started {
  const child = spawn(process.execPath, [join(example, "main.ts")], {
    cwd: folder,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: inject("compileCache"), PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return follow(child);
}
