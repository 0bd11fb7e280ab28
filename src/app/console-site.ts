import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { createSite, type Site } from "../net/console/site.ts";

// The folder is console/dist in the repository, and dist/console/dist in the package.
const built = fileURLToPath(new URL("../../console/dist", import.meta.url));

/** Reads the built files of the console. Returns undefined if this checkout has none. */
export function readSite(embedOrigins: readonly string[], folder = built): Site | undefined {
  if (!existsSync(join(folder, "index.html"))) return undefined;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1).replaceAll(sep, "/"), readFileSync(path)] as const;
    });
  return createSite(new Map(files), embedOrigins);
}
