import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Returns a text that distinguishes a process from a later one with the same pid: the boot and the start time. Returns
 * undefined if the process has ended, even if it is still a zombie.
 */
export function birthOf(pid: number): string | undefined {
  if (process.platform !== "linux") return ps(pid, "lstart=");
  const stat = readProc(`/proc/${pid}/stat`);
  // The command, in parentheses, may itself hold spaces and parentheses.
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const startTime = fields[18];
  if (state === undefined || startTime === undefined || "ZX".includes(state)) return undefined;
  return `${readProc("/proc/sys/kernel/random/boot_id")?.trim()}:${startTime}`;
}

/** Returns whether a process is a Postgres server with this data directory as its argument. */
export function isPostgresOn(pid: number, directory: string): boolean {
  const command =
    process.platform === "linux"
      ? readProc(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ")
      : ps(pid, "command=");
  return (
    command !== undefined && /^\S*postgres /.test(command) && `${command} `.includes(` -D ${directory} `)
  );
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    return execFileSync("ps", ["-o", column, "-p", String(pid)], {
      encoding: "utf8",
      env: { LC_ALL: "C" },
    }).trim();
  } catch {
    return undefined;
  }
}
