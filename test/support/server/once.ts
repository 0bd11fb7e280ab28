import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inject } from "vitest";

const pollMs = 20;

/**
 * Returns the path of this name in the directory of the run. The first test in any worker that needs the path creates it:
 * `make` gets a path, and creates a file or a directory there. The other tests wait.
 */
export async function makeOnce(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(inject("runDirectory"), name);
  const making = `${path}.making`;
  while (!existsSync(path)) {
    if (!makeDirectory(making)) await setTimeout(pollMs);
    else await makeIn(making, path, make);
  }
  return path;
}

async function makeIn(making: string, path: string, make: (path: string) => Promise<void>): Promise<void> {
  try {
    // Another worker may have created the path since this one has looked.
    if (existsSync(path)) return;
    const made = join(making, "made");
    await make(made);
    renameSync(made, path);
  } finally {
    rmSync(making, { recursive: true });
  }
}

/** Creates a directory if it does not exist. Returns whether it did. */
function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}
