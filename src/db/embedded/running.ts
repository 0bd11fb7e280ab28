import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { clusterUrl } from "./cluster.ts";
import { readPidFile } from "./postmaster.ts";
import { isPostgresOn } from "./process.ts";

/** The state of a data directory that this process does not own. */
export interface DataDirState {
  /** Whether a server has created the database. */
  hasDatabase: boolean;
  /** The URL of its Postgres, if that runs now. It contains the password. */
  url: string | undefined;
}

/** Reads the state of a data directory, and changes nothing. Throws if this user may not read it. */
export function readDataDir(path: string): DataDirState {
  if (!existsSync(join(path, "postgres", "PG_VERSION"))) return { hasDatabase: false, url: undefined };
  const dataDir = realpathSync(path);
  const directory = join(dataDir, "postgres");
  const { pid, text } = readPidFile(directory);
  if (pid === undefined || !isPostgresOn(pid, directory)) return { hasDatabase: true, url: undefined };
  // Line 4 is the port. Line 5 is the directory of the Unix socket, or empty if there is none.
  const [, , , port, socket] = text.split("\n");
  const host = socket === undefined || socket === "" ? "127.0.0.1" : socket;
  return { hasDatabase: true, url: clusterUrl({ dataDir }, { host, port: Number(port) }) };
}
