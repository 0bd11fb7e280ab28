import { accessSync, constants, mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memory = "/dev/shm";
// A whole run needs a tenth of this at once.
const enoughBytes = 4 * 1024 ** 3;

/**
 * Creates a directory of this name for the files of one test, in memory if there is enough of it. The caller removes
 * it.
 */
export function scratchDirectory(name: string): string {
  return mkdtempSync(join(inMemory() ? memory : tmpdir(), `latchkey-${name}-`));
}

function inMemory(): boolean {
  try {
    accessSync(memory, constants.W_OK);
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize > enoughBytes;
  } catch {
    return false;
  }
}
