import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { birthOf } from "./process.ts";

/**
 * Makes this process the only owner of a directory, with the file `lock` in it. Returns a function that gives it up. If
 * another running process is the owner, throws an error of one line with the directory and the owner. The lock of a killed
 * owner does not count, even if a later process has its pid.
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, "lock");
  const me = `${process.pid} ${birthOf(process.pid)} ${randomUUID()}`;
  const owner = take(path, me);
  if (owner !== undefined) throw new Error(`the data directory ${directory} is in use by process ${owner}`);
  return () => {
    if (read(path) === me) unlinkSync(path);
  };
}

/** Writes `me` to the file at `path`, or returns the pid of the running process that the file names. */
function take(path: string, me: string): number | undefined {
  if (linkNew(path, me)) return undefined;
  const owner = read(path);
  if (owner === undefined) return take(path, me);
  const [pid = "", birth, nonce] = owner.split(" ");
  if (birthOf(Number(pid)) === birth) return Number(pid);

  // The owner has ended. Removing the file could remove the lock of a successor. So a second file decides which process
  // succeeds this owner, and that file may be left behind too.
  const succession = join(dirname(path), `lock.${nonce}`);
  const rival = take(succession, me);
  if (rival !== undefined) return rival;
  if (read(path) !== owner) {
    unlinkSync(succession);
    return take(path, me);
  }
  renameSync(written(path, me), path);
  unlinkSync(succession);
  return undefined;
}

function linkNew(path: string, me: string): boolean {
  const source = written(path, me);
  try {
    linkSync(source, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(source);
  }
}

// The file appears with its complete content, so that no process reads a part of it.
function written(path: string, content: string): string {
  const file = join(dirname(path), `lock.${randomUUID()}.new`);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
