import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { startEmbedded } from "../src/db/embedded/embedded.ts";
import { fill } from "./fill.ts";
import { pinOther, runToEnd } from "./processes.ts";
import { type Stack, startInto } from "./stack.ts";

/** A filled database, and the token that may verify all its keys. */
export interface BenchDatabase {
  url: string;
  /** Returns the id of its process. The id changes when Postgres is started again. */
  pid(): number;
  version: string;
  platformToken: string;
}

const log = {
  debug() {},
  info() {},
  warn: (_: object, message: string) => process.stderr.write(`${message}\n`),
  error: (_: object, message: string) => process.stderr.write(`${message}\n`),
};

/** Where the files of a Postgres are, and settings that replace those of the embedded one. */
export interface PostgresOptions {
  dataDir?: string;
  settings?: Record<string, string>;
}

/** The buffers that Postgres recommends for a server of its own: a quarter of the memory. */
export const recommendedBuffers = { shared_buffers: `${Math.floor(totalmem() / 4 / 2 ** 20)}MB` };

/** A Postgres, and the token of its platform account if it has one. */
export interface PreparedOptions extends PostgresOptions {
  platformToken?: string;
}

/** Starts a Postgres as `openPostgres` does, and fills it. Without a platform account, migrates it and creates one. */
export async function openBenchDatabase(
  stack: Stack,
  keys: number,
  spares: number,
  { platformToken: known, ...options }: PreparedOptions = {},
): Promise<BenchDatabase> {
  const { url, pid } = await openPostgres(stack, options);
  const platformToken = known ?? runToEnd(["src/main.ts", "bootstrap"], { LATCHKEY_DATABASE_URL: url });
  const { accountId, version } = await describe(url);
  pinOther(pid(), [0, 1]);
  await fill(url, { keys, spares, spareAccountId: accountId });
  pinOther(pid(), [1]);
  return { url, pid, version, platformToken };
}

/**
 * Starts an empty Postgres with the durability of production. Its files are in `dataDir`, or in a temporary directory. The
 * stack stops it and removes its files.
 */
export async function openPostgres(
  stack: Stack,
  { dataDir, settings = {} }: PostgresOptions = {},
): Promise<Pick<BenchDatabase, "url" | "pid">> {
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  stack.defer(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return startInto(stack, async () => {
    const started = await startEmbedded({ dataDir: directory, log, settings });
    return { url: started.url, pid: () => started.pid, [Symbol.asyncDispose]: () => started.stop() };
  });
}

async function describe(url: string): Promise<{ accountId: string; version: string }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      "select id, current_setting('server_version') as version from account where platform",
    );
    return { accountId: rows[0].id, version: rows[0].version };
  } finally {
    await client.end();
  }
}
