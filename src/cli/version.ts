import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Returns the semantic version of this program, from its `package.json`. */
export function readVersion(from = import.meta.dirname): string {
  const file = join(from, "package.json");
  if (!existsSync(file)) return readVersion(dirname(from));
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
