import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { birthOf } from "./process.ts";

/**
 * Makes this process the one owner of a directory, by the file `lock` in it, and returns what gives it up. Throws
 * one line that names directory and owner where another process that still runs has it. An owner that was killed
 * blocks nobody, nor does a later process that happens to have its pid.
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

/** Puts `me` into the file at `path`, or returns the pid of the living process that is there. */
function take(path: string, me: string): number | undefined {
  if (linkNew(path, me)) return undefined;
  const owner = read(path);
  if (owner === undefined) return take(path, me);
  const [pid = "", birth, nonce] = owner.split(" ");
  if (birthOf(Number(pid)) === birth) return Number(pid);

  // Its owner is dead. Simply removing the file could remove a successor's, so that whoever succeeds this very owner
  // is settled by a second file, which may in turn be left behind.
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

// A lock appears with its content or not at all: nobody ever reads half of one.
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
