import { statfsSync, statSync } from "node:fs";
import { checkDataDir } from "../../db/embedded/data-dir.ts";
import { type DataDirState, readDataDir } from "../../db/embedded/running.ts";
import { keyFiles } from "../platform-key.ts";
import { type Finding, failed, messageOf, ok, skipped, warning } from "./finding.ts";

const check = "data directory";
const fullBytes = 100 * 1024 * 1024;
const nearlyFullBytes = 1024 * 1024 * 1024;
const othersRead = 0o077;

/** The findings about a data directory, and its state if it can be read. */
export interface DataDirReport {
  findings: Finding[];
  state: DataDirState | undefined;
}

/** Checks the directory of an embedded database: its owner and mode, its key files and the free space. */
export function examineDataDir(dataDir: string): DataDirReport {
  try {
    checkDataDir(dataDir);
    const state = readDataDir(dataDir);
    if (!state.hasDatabase)
      return { findings: [ok(check, `${dataDir} has no database yet: the first start creates it`)], state };
    const problems = [...freeSpace(dataDir), ...Object.values(keyFiles({ dataDir })).flatMap(keyFile)];
    const running = state.url === undefined ? "does not run" : "runs";
    const fine = ok(check, `${dataDir} has a database, and its Postgres ${running}`);
    return { findings: problems.length > 0 ? problems : [fine], state };
  } catch (error) {
    const why = "The server cannot start with this directory.";
    const remedy =
      "Run this command as the user of the server, or name another directory in LATCHKEY_DATA_DIR.";
    return { findings: [failed(check, { what: messageOf(error), why, remedy })], state: undefined };
  }
}

/** Returns the finding for a server with an external database, which has no data directory. */
export function noDataDir(): Finding {
  return skipped(check, "LATCHKEY_DATABASE_URL names the database, so there is no data directory");
}

function freeSpace(dataDir: string): Finding[] {
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  if (free >= nearlyFullBytes) return [];
  const problem = {
    what: `the file system of ${dataDir} has ${Math.floor(free / 1024 / 1024)} MiB left`,
    why: "Postgres stops when the file system is full. Then no call succeeds.",
    remedy: "Free space, or move the directory while the server is stopped.",
  };
  return [free < fullBytes ? failed(check, problem) : warning(check, problem)];
}

function keyFile(path: string): Finding[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) {
    const what = `${path} is missing`;
    const why = "The token that it contained is not stored anywhere else in this directory.";
    const remedy = path.endsWith("platform-key")
      ? "If the token is lost, stop the server and run `latchkey bootstrap --rotate`, which writes a new one."
      : "If the token is lost, create a key with `tokens:verify` in the platform account.";
    return [warning(check, { what, why, remedy })];
  }
  if (process.platform === "win32" || (stats.mode & othersRead) === 0) return [];
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  return [
    failed(check, {
      what: `${path} has mode ${mode}, so other users of this machine can read it`,
      why: "The token in it verifies or administers every account.",
      remedy: `Run \`chmod 600 ${path}\`. If others may have read it, replace the token.`,
    }),
  ];
}
