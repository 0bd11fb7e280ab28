import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "vite";

const root = join(import.meta.dirname, "..", "..", "..");
// Packages with native code, and packages that load files of their own.
const external = /^@node-rs\/argon2$/;

/**
 * Bundles programs into a folder. A bundle starts in a third of the CPU time of its sources, because Node then loads a
 * dozen files and not a thousand. Each module still finds the files that are beside its source.
 */
export async function bundle(programs: Record<string, string>, folder: string): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "error",
    plugins: [keepPlaces, keepExternal, knowPassword],
    ssr: { noExternal: true },
    build: {
      ssr: true,
      outDir: folder,
      minify: false,
      target: "node24",
      rolldownOptions: {
        input: programs,
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
      },
    },
  });
}

/** Gives each module the URL of its source. */
const keepPlaces: Plugin = {
  name: "keep-places",
  transform: {
    filter: { code: "import.meta." },
    handler: (code, id) =>
      code
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
        .replaceAll("import.meta.dirname", JSON.stringify(dirname(id))),
  },
};

/** Names the packages that are no part of a bundle by their URL, because a bundle is in no folder of npm. */
const keepExternal: Plugin = {
  name: "keep-external",
  enforce: "pre",
  resolveId: {
    filter: { id: external },
    handler(name) {
      const { resolve } = createRequire(join(root, "package.json"));
      return { id: pathToFileURL(resolve(name)).href, external: true };
    },
  },
};

/** Replaces the estimator of passwords of a server by one that knows the password of the tests. */
const knowPassword: Plugin = {
  name: "know-password",
  enforce: "pre",
  resolveId: {
    filter: { id: /\/password-estimator\.ts$/ },
    handler(_, importer) {
      const isServers = importer === join(root, "src", "cli", "serve.ts");
      return isServers ? join(import.meta.dirname, "knowing-estimator.ts") : null;
    },
  },
};
