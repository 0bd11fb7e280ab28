import { readFileSync } from "node:fs";
import type { Log } from "../infra/log.ts";

// Files that a process opens besides its clients' connections: database connections, pipes, modules.
const reserve = 200;

/**
 * Returns how many client connections this process can hold: the setting, or less if the limit of open files is lower. A
 * process without free files would reset new connections without a log line.
 */
export function affordableConnections(wanted: number, log: Log, openFiles = readOpenFilesLimit()): number {
  if (openFiles - reserve >= wanted) return wanted;
  const connections = Math.max(1, openFiles - reserve);
  log.warn(
    { openFiles, wanted, connections },
    "the limit of open files (ulimit -n) is too low for LATCHKEY_MAX_CONNECTIONS: fewer connections are accepted",
  );
  return connections;
}

// Node raises its soft limit to the hard one when it starts.
function readOpenFilesLimit(): number {
  try {
    const [, soft = ""] = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === "unlimited" || soft === "" ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
