import { execFile, type SpawnOptions } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Cluster } from "./data-dir.ts";
import { asUser } from "./postgres-user.ts";
import { programDirectory } from "./programs.ts";

/** Where a Postgres listens: the directory of a socket or an IP address, and a port. */
export interface HostPort {
  host: string;
  port: number;
}

const superuser = "latchkey";
const temporaryPrefix = "postgres.new-";

/** Creates the database if it is missing. Removes the unfinished database of an earlier start that was killed. */
export async function initCluster(cluster: Cluster, sync: boolean): Promise<void> {
  removeUnfinished(cluster);
  if (existsSync(cluster.directory)) return;
  await createCluster(cluster, sync);
  // The initdb of a killed server may outlive that server, and may have written again after the first removal.
  removeUnfinished(cluster);
}

function removeUnfinished({ dataDir }: Cluster): void {
  for (const name of readdirSync(dataDir)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    try {
      rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
    } catch (error) {
      // An initdb that still runs writes between the listing and the removal. What it leaves is never used as a database.
      if (!(error instanceof Error && "code" in error && error.code === "ENOTEMPTY")) throw error;
    }
  }
}

// initdb writes to a temporary directory, so that an unfinished database is never mistaken for a finished one.
async function createCluster(cluster: Cluster, sync: boolean): Promise<void> {
  const { dataDir, directory, user } = cluster;
  const password = passwordFile(cluster);
  writeFileSync(password, randomBytes(24).toString("base64url"), { mode: 0o600 });
  const temporary = mkdtempSync(join(dataDir, temporaryPrefix));
  if (user) {
    chownSync(password, user.uid, user.gid);
    chownSync(temporary, user.uid, user.gid);
  }
  const { file, args, options } = clusterCommand(cluster, "initdb", [
    ...["-D", temporary, "--username", superuser, "--pwfile", password, "--auth", "scram-sha-256"],
    ...["--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions"],
    ...(sync ? [] : ["--no-sync"]),
  ]);
  await promisify(execFile)(file, args, { ...options, shell: false });
  renameSync(temporary, directory);
}

/** Returns the URL of the database. It contains the password, so it must not become a process argument or a log line. */
export function clusterUrl(cluster: Pick<Cluster, "dataDir">, { host, port }: HostPort): string {
  const password = readFileSync(passwordFile(cluster), "utf8").trim();
  // The encoded directory of a socket serves as the host.
  return `postgres://${superuser}:${password}@${encodeURIComponent(host)}:${port}/postgres`;
}

/** Returns the `psql` command for an operator. It reads the password from its file, so that no process list shows it. */
export function operatorCommand(cluster: Cluster, { host, port }: HostPort): string {
  const password = `PGPASSWORD="$(cat ${quoted(passwordFile(cluster))})"`;
  return `${password} psql -h ${quoted(host)} -p ${port} -U ${superuser} -d postgres`;
}

// Quotes a word for a shell.
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns what to spawn to run one of the Postgres programs (`initdb`, `postgres`) on this data directory. */
export function clusterCommand(
  { directory, user }: Cluster,
  program: string,
  args: string[],
): { file: string; args: string[]; options: SpawnOptions } {
  const file = join(programDirectory(), program);
  return asUser(user, [file, directory], file, args);
}

function passwordFile({ dataDir }: Pick<Cluster, "dataDir">): string {
  return join(dataDir, "postgres-password");
}
