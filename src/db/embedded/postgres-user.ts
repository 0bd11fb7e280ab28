import { execFileSync, type SpawnOptions } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../log.ts";

/** A user of the operating system. */
export interface User {
  uid: number;
  gid: number;
}

/** How to find and create the user of Postgres. */
export interface UserCommands {
  isRoot: boolean;
  find(): User | undefined;
  create(): void;
}

const ofThisSystem: UserCommands = {
  isRoot: process.geteuid?.() === 0,
  find: findPostgresUser,
  create() {
    const options = ["--system", "--user-group", "--no-create-home", "--shell", "/bin/false"];
    execFileSync("useradd", [...options, "postgres"]);
  },
};

/**
 * Returns the user that runs Postgres if this process runs as root, because Postgres refuses root: `postgres`. Creates that
 * user if it is missing, and logs this before.
 */
export function unprivilegedUser(
  log: Pick<Log, "warn">,
  { isRoot, find, create }: UserCommands = ofThisSystem,
): User | undefined {
  if (!isRoot) return undefined;
  const user = find();
  if (user) return user;
  log.warn(
    { user: "postgres" },
    "this process runs as root, and Postgres refuses to: creating the system user postgres to run it",
  );
  create();
  const created = find();
  if (!created)
    throw new Error("the system user postgres cannot be created; start as another user than root");
  return created;
}

/** Returns the user `postgres`, if there is one. */
export function findPostgresUser(): User | undefined {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8", stdio: "pipe" }));
  try {
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return undefined;
  }
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
