import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

const maxLogBytes = 8 * 1024 * 1024;
const checkEveryMs = 60_000;
const maxExcerptBytes = 2_000;

/** The file that Postgres logs to. */
export interface PostgresLog {
  fd: number;
  /** Remembers where the log ends now. */
  mark(): void;
  /** The last lines written since then. */
  sinceMark(): string;
  close(): void;
}

/**
 * Opens `postgres.log` in that directory. Beyond 8 MiB it starts anew and the old one stays as `postgres.log.1`.
 * A file and no pipe: Postgres goes on where we are killed, and never waits for us to read.
 */
export function openPostgresLog(directory: string): PostgresLog {
  const path = join(directory, "postgres.log");
  // Appending, so that whoever writes goes on at the start of an emptied file.
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
