import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

const maxLogBytes = 8 * 1024 * 1024;
const checkEveryMs = 60_000;
const maxExcerptBytes = 2_000;

/** The log file of Postgres. */
export interface PostgresLog {
  fd: number;
  /** Marks the current end of the log. */
  mark(): void;
  /** Returns the last lines since the mark. */
  sinceMark(): string;
  close(): void;
}

/**
 * Opens `postgres.log` in a directory. Above 8 MiB, it starts a new file and keeps the old one as `postgres.log.1`. It is a
 * file and not a pipe, so that Postgres continues if this process is killed, and never waits for a reader.
 */
export function openPostgresLog(directory: string): PostgresLog {
  const path = join(directory, "postgres.log");
  // In append mode, so that writers continue at the start of a truncated file.
  const fd = openSync(path, "a+", 0o600);
  let marked = 0;

  function bound(): void {
    if (fstatSync(fd).size <= maxLogBytes) return;
    copyFileSync(path, `${path}.1`);
    ftruncateSync(fd);
    marked = 0;
  }

  bound();
  const timer = setInterval(bound, checkEveryMs).unref();
  return {
    fd,
    mark() {
      marked = fstatSync(fd).size;
    },
    sinceMark() {
      const length = Math.min(fstatSync(fd).size - marked, maxExcerptBytes);
      const buffer = Buffer.alloc(Math.max(0, length));
      readSync(fd, buffer, 0, buffer.length, marked);
      return buffer.toString("utf8").trim().split("\n").join(" | ");
    },
    close() {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}
