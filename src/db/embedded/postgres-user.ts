import { execFileSync, type SpawnOptions } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** A user of the operating system. */
export interface User {
  uid: number;
  gid: number;
}

/** Returns the user that runs Postgres if this process runs as root, because Postgres refuses root: `postgres`, created if missing. */
export function unprivilegedUser(): User | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  try {
    return lookUp("postgres");
  } catch {
    execFileSync("useradd", [
      "--system",
      "--user-group",
      "--no-create-home",
      "--shell",
      "/bin/false",
      "postgres",
    ]);
    return lookUp("postgres");
  }
}

function lookUp(name: string): User {
  const id = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: "pipe" }));
  return { uid: id("-u"), gid: id("-g") };
}

/**
 * Returns the command that runs a program as a user. If the user may not enter a directory on the way to `paths`, such as
 * /root, the program keeps the one capability of root that it needs to pass.
 */
export function asUser(user: User | undefined, paths: string[], file: string, args: string[]) {
  const options: SpawnOptions = { env: { PATH: process.env.PATH, TZ: "UTC", LC_ALL: "C" } };
  if (!user) return { file, args, options };
  if (paths.every((path) => canReach(user, path))) return { file, args, options: { ...options, ...user } };
  if (process.platform !== "linux")
    throw new Error(`Postgres runs as user ${user.uid}, who cannot reach ${paths[0]}`);
  const capability = `+${passingCapability()}`;
  return {
    file: "setpriv",
    args: [
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      "--clear-groups",
      // Without this bit, access(2) ignores the capability, and Postgres uses access(2) to look for its own files.
      "--securebits=+no_setuid_fixup",
      `--inh-caps=${capability}`,
      `--ambient-caps=${capability}`,
      "--",
      file,
      ...args,
    ],
    options,
  };
}

function canReach(user: User, path: string): boolean {
  const parent = dirname(path);
  const { mode, uid, gid } = statSync(parent);
  const search = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & search) !== 0 && (parent === path || parent === "/" || canReach(user, parent));
}

// Containers usually lack the weaker capability.
function passingCapability(): string {
  const held = /^CapBnd:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  const readSearch = 1n << 2n;
  return (BigInt(`0x${held ?? "0"}`) & readSearch) === 0n ? "dac_override" : "dac_read_search";
}
