import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Env } from "../config/reader.ts";
import { failureOf } from "./failure.ts";
import { withFileLock } from "./file-lock.ts";
import { replacedSecretFile } from "./secret-file.ts";

/** What `latchkey login` keeps for one server. */
export interface Credential {
  token: string;
  /** The account to act in. */
  account?: string | undefined;
  /** The file with the certificate of the authority of the server. */
  ca?: string | undefined;
}

/** The credential file of a user. */
export interface CredentialStore {
  readonly path: string;
  /** Returns the server of the last login. */
  current(): string | undefined;
  /** Fails if a credential could not be kept. Called before a token is minted, because the token would be lost. */
  requireWritable(): void;
  get(url: string): Credential | undefined;
  /** Keeps a credential, and makes its server the current one. */
  set(url: string, credential: Credential): void;
  remove(url: string): void;
}

interface Stored {
  current?: string | undefined;
  servers: Record<string, Credential>;
}

/** Opens the credential file of the user. It is read when a command needs it. */
export function openCredentials(env: Env): CredentialStore {
  const base = env.XDG_CONFIG_HOME?.startsWith("/")
    ? env.XDG_CONFIG_HOME
    : join(env.HOME || homedir(), ".config");
  const path = join(base, "latchkey", "credentials.json");

  // Two shells may log in at the same time. Without the lock, one of the tokens would be lost.
  function change(make: (stored: Stored) => Stored): void {
    prepareDirectory(dirname(path));
    withFileLock(path, () => write(make(read(path))));
  }

  function write(stored: Stored): void {
    if (Object.keys(stored.servers).length === 0) {
      rmSync(path, { force: true });
      return;
    }
    const file = replacedSecretFile(path, `${path}.${process.pid}.new`);
    try {
      file.write(JSON.stringify(stored, undefined, 2));
      file.keep();
    } catch (error) {
      file.discard();
      throw error;
    }
  }

  return {
    path,
    requireWritable() {
      read(path);
      prepareDirectory(dirname(path));
      withFileLock(path, () => {});
    },
    current: () => read(path).current,
    get: (url) => read(path).servers[url],
    set(url, credential) {
      change(({ servers }) => ({ current: url, servers: { ...servers, [url]: credential } }));
    },
    remove(url) {
      if (!(url in read(path).servers)) return;
      change(({ current, servers: { [url]: _, ...rest } }) => ({
        ...(current !== url && { current }),
        servers: rest,
      }));
    },
  };
}

function read(path: string): Stored {
  const descriptor = open(path);
  if (descriptor === undefined) return { servers: {} };
  try {
    refuseWide(path, fstatSync(descriptor));
    return parse(path, readFileSync(descriptor, "utf8"));
  } finally {
    closeSync(descriptor);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return undefined;
    throw failureOf(`cannot read ${path}: ${code}`);
  }
}

// A file that others can read has given its tokens away. One that others can write can name another server.
function refuseWide(path: string, { mode, uid }: { mode: number; uid: number }): void {
  if (process.platform === "win32") return;
  const own = process.geteuid?.();
  if (own !== undefined && uid !== own)
    throw failureOf(`${path} belongs to another user; remove it and log in again`);
  if ((mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  throw failureOf(
    `other users can open ${path} (mode ${shown}); run \`chmod 600 ${path}\`, and log in again if they may have read it`,
  );
}

function prepareDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.platform === "win32" || (statSync(path).mode & 0o022) === 0) return;
  throw failureOf(`other users can write to ${path}; run \`chmod 700 ${path}\``);
}

function parse(path: string, text: string): Stored {
  try {
    const { current, servers } = JSON.parse(text) as Partial<Stored>;
    const isRight = Object.values(servers ?? {}).every((one) => typeof one?.token === "string");
    if (typeof servers !== "object" || !isRight) throw new Error();
    return { current: typeof current === "string" ? current : undefined, servers };
  } catch {
    // The error of the parser may quote a token.
    throw failureOf(`${path} is not a credential file; move it away and log in again`);
  }
}
