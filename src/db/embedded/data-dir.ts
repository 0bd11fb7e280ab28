import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { findPostgresUser, type User } from "./postgres-user.ts";

/** A data directory of Latchkey, and the user that runs its Postgres. */
export interface Cluster {
  dataDir: string;
  /** The data directory of Postgres itself. */
  directory: string;
  /** The user that runs Postgres, which may write only here. Undefined: the user of this process. */
  user: User | undefined;
}

// What a data directory may contain before its database exists: files of an unfinished start, mails, and what the quick
// start writes. A new volume may have the others.
const ours =
  /^(postgres.*|lock.*|socket|outbox|(platform|verifier)-key(\.new)?|(me|key\.json)(\.new)?|lost\+found|\.DS_Store|\.git(ignore|keep))$/;
const shownNames = 3;
const ownerBits = 0o700;
const othersWrite = 0o002;
const modeHint = "if that is not intended, run `chmod u+rwx` on it";

/**
 * Creates the data directory with mode 0700. A directory that is not empty keeps its mode and owner. Throws an error of one
 * line, and changes nothing, if the path cannot be a data directory: it is a file, belongs to another user, is read-only, or
 * has files of other programs. Calls `findUser` only after these checks, and only if the database has no owner yet.
 */
export function openDataDir(path: string, findUser: () => User | undefined): Cluster {
  checkDataDir(path);
  const directory = join(path, "postgres");
  const owner = process.geteuid?.() === 0 ? statOf(directory) : undefined;
  // A process of root may find a database that an ordinary user created.
  const user = owner ? { uid: owner.uid, gid: owner.gid } : findUser();
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(path);
  if (readdirSync(dataDir).length === 0 && ownerOf(statSync(dataDir)) === process.geteuid?.()) {
    chmodSync(dataDir, 0o700);
    if (user) chownSync(dataDir, user.uid, user.gid);
  }
  return { dataDir, directory: join(dataDir, "postgres"), user };
}

/** Throws an error of one line if the path cannot be a data directory. Changes nothing. */
export function checkDataDir(path: string): void {
  const stats = statOf(path);
  const problem = stats && problemOf(path, stats);
  if (problem !== undefined) {
    throw new Error(`the data directory ${path} ${problem}; LATCHKEY_DATA_DIR can name another one`);
  }
}

function problemOf(path: string, stats: Stats): string | undefined {
  if (!stats.isDirectory()) return "is not a directory";
  const own = ownerProblem(path, stats) ?? modeProblem(stats, "is read-only");
  if (own !== undefined) return own;
  const database = statOf(join(path, "postgres"));
  return database ? databaseProblem(join(path, "postgres"), database) : foreignProblem(path);
}

function databaseProblem(directory: string, stats: Stats): string | undefined {
  const [me, owner] = [process.geteuid?.(), ownerOf(stats)];
  if (me !== 0 && owner !== me) {
    return `has a database of user ${owner}, but this process runs as user ${me}`;
  }
  const isDatabase = stats.isDirectory() && existsSync(join(directory, "PG_VERSION"));
  const readOnly = modeProblem(stats, "has a read-only database (its directory postgres)");
  return readOnly ?? (isDatabase ? undefined : 'has an entry "postgres" that is no database');
}

function ownerProblem(path: string, stats: Stats): string | undefined {
  const [me, owner] = [process.geteuid?.(), ownerOf(stats)];
  if (owner === me) return undefined;
  if (me === 0) {
    // Root would take an empty directory away from its owner.
    const isTaken = readdirSync(path).length === 0 && owner !== findPostgresUser()?.uid;
    return isTaken ? `belongs to user ${owner}, but this process runs as root` : undefined;
  }
  // An administrator may mount a volume for the group of this process.
  if (owner === 0 && (stats.mode & othersWrite) === 0 && isWritable(path)) return undefined;
  return `belongs to user ${owner}, but this process runs as user ${me}`;
}

// Root may write anywhere, so the mode counts.
function modeProblem({ mode, uid }: Stats, what: string): string | undefined {
  const me = process.geteuid?.();
  if (me === undefined || (me !== 0 && uid !== me)) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return (mode & ownerBits) === ownerBits ? undefined : `${what}, mode ${octal}; ${modeHint}`;
}

// A directory with a database is ours, and may have more files.
function foreignProblem(path: string): string | undefined {
  const foreign = readdirSync(path).filter((name) => !ours.test(name));
  if (foreign.length === 0) return undefined;
  const names = foreign.slice(0, shownNames).map((name) => JSON.stringify(name));
  const more = foreign.length > shownNames ? ` and ${foreign.length - shownNames} more` : "";
  return `has no database, but other files: ${names.join(", ")}${more}`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    // The parent is a file. The creation of the directory fails, with an error that names the path.
    if (code === "ENOTDIR") return undefined;
    throw new Error(`the data directory ${path} cannot be read (${code})`, { cause });
  }
}

// Windows has no owners of this kind.
function ownerOf({ uid }: Stats): number | undefined {
  return process.geteuid === undefined ? undefined : uid;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
