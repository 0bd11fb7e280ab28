import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "../imports.ts";
import { makeOnce } from "../server/once.ts";

const run = promisify(execFile);
// npm fails with one of these if it reaches no registry.
const noRegistry =
  /\b(ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT)\b/;

/** What `npm pack --json` prints about a package. */
interface NpmPacked {
  filename: string;
  files: { path: string }[];
}

// The file with what npm printed, beside the package.
const list = "packed.json";

/** The package as `npm pack` makes it. */
export interface Packed {
  tarball: string;
  /** The paths in it. */
  files: string[];
}

/** Builds this checkout, and packs it. All tests of a run share one package. */
export async function pack(): Promise<Packed> {
  const folder = await makeOnce("package", packInto);
  const { filename, files } = JSON.parse(readFileSync(join(folder, list), "utf8")) as NpmPacked;
  return { tarball: join(folder, filename), files: files.map(({ path }) => path) };
}

async function packInto(folder: string): Promise<void> {
  mkdirSync(folder);
  const options = { cwd: root, env: npmEnv(), maxBuffer: 2 ** 24 };
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], options);
  // The output of the build comes first.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as NpmPacked[];
  if (!packed) throw new Error("npm packed nothing");
  writeFileSync(join(folder, list), JSON.stringify(packed));
}

/** Installs packages into an empty folder, without install scripts. Returns why that is impossible if npm reaches no registry. */
export async function install(folder: string, packages: string[]): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true });
  try {
    await npm(folder, ["install", "--ignore-scripts", ...packages]);
    return undefined;
  } catch (error) {
    if (!noRegistry.test(String(error))) throw error;
    return "npm reaches no registry, and its cache lacks a package. Run `npm ci` with a network";
  }
}

/** Runs npm in a folder. Takes from its cache what is there. */
export async function npm(folder: string, args: string[]): Promise<void> {
  const retries = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"];
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", ...retries];
  await run("npm", [...args, ...quiet], { cwd: folder, env: npmEnv() });
}

/** Returns the environment of a shell in which no npm script runs, with the Node of the tests first on its PATH. */
export function npmEnv(): NodeJS.ProcessEnv {
  const ofScripts = /^npm_(lifecycle_|package_|config_local_prefix|command$)|^INIT_CWD$|^LATCHKEY_/;
  const kept = Object.entries(process.env).filter(([name]) => !ofScripts.test(name));
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path };
}
