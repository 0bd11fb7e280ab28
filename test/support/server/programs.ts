import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { sources as chaosSources } from "../../../chaos/programs.ts";
import { long } from "../long.ts";
import { bundle } from "./bundle.ts";
import { scratchDirectory } from "./scratch.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The file that Node runs for each program that tests start. */
    programs: typeof sources;
  }
}

/** The program of a site: the real one, or a server with shorter timeouts. */
export type Program = "latchkey" | "short-server";

/** The programs as Node runs them in a checkout. */
export const sources = {
  ...chaosSources,
  "short-server": join(import.meta.dirname, "short-server.ts"),
  "embedded-server": join(import.meta.dirname, "embedded-server.ts"),
};

/**
 * Bundles the programs for all projects of a run that need them, once. In `npm run test:long`, the tests run the sources.
 */
export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  // Another project of this run may have done it.
  if (project.getProvidedContext().programs) return undefined;
  if (long) {
    project.vitest.provide("programs", sources);
    return undefined;
  }
  const folder = scratchDirectory("programs");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // This also runs if the run is aborted before its teardown.
  process.once("exit", remove);
  // Every user may read the programs.
  chmodSync(folder, 0o755);
  await bundle(sources, folder);
  const bundled = Object.keys(sources).map((name) => [name, join(folder, `${name}.mjs`)]);
  project.vitest.provide("programs", Object.fromEntries(bundled));
  return remove;
}
