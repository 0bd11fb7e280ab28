import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A file that will hold a secret. It is created at once, with mode 0600, so that a wrong path fails before anything else. */
export interface SecretFile {
  /** Where the secret is once the file is final. */
  path: string;
  /** Where the secret is now. Until the file is final, it may have another name. */
  readonly writtenTo: string;
  /** Writes the secret, in place of an earlier one, and waits until it and the name of its file are on the disk. */
  write(secret: string): void;
  /** Makes the file final, and waits until its name is on the disk. */
  keep(): void;
  /** Removes the file. The file that it would have replaced stays as it is. */
  discard(): void;
}

/** Creates a new file. Throws an error of one line if the file exists or cannot be created. */
export function newSecretFile(path: string): SecretFile {
  return openSecretFile(path, path);
}

/** Prepares the replacement of a file under the name `at`. Readers see the old file or the complete new one. */
export function replacedSecretFile(path: string, at = `${path}.new`): SecretFile {
  // An earlier run that was killed may have left one, with any mode.
  rmSync(at, { force: true });
  return openSecretFile(path, at);
}

function openSecretFile(path: string, at: string): SecretFile {
  const descriptor = open(path, at);
  let isOpen = true;
  let writtenTo = at;
  function close(): void {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  }
  return {
    path,
    get writtenTo() {
      return writtenTo;
    },
    write(secret) {
      ftruncateSync(descriptor);
      writeSync(descriptor, `${secret}\n`, 0);
      fsyncSync(descriptor);
      syncDirectory(dirname(at));
    },
    keep() {
      close();
      if (at === path) return;
      renameSync(at, path);
      writtenTo = path;
      syncDirectory(dirname(path));
    },
    discard() {
      close();
      rmSync(at, { force: true });
    },
  };
}

// After a power cut, a file has its name only if its directory was synced too.
function syncDirectory(path: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    fsyncSync(descriptor);
  } catch (error) {
    if (!cannotSync.includes(codeOf(error))) throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

// Windows and some file systems sync no directories. A directory that this user may write but not read cannot be opened.
const cannotSync = ["EISDIR", "EPERM", "EACCES", "EINVAL", "ENOTSUP", "EBADF"];

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function open(path: string, at: string): number {
  try {
    return openSync(at, "wx", 0o600);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") {
      throw new Error(`${path} exists and is not overwritten; name another file, or move this one away`);
    }
    const reasons: Record<string, string> = {
      ENOENT: "its directory does not exist",
      ENOTDIR: "its directory is a file",
      EACCES: "this user may not write there",
      EROFS: "the file system is read-only",
      ENOSPC: "the disk is full",
    };
    throw new Error(`cannot create ${path}: ${reasons[code] ?? code}`);
  }
}
