import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { failureOf, usageError } from "./failure.ts";
import type { World } from "./world.ts";

/** Reads secrets from files and from stdin, so that none is an argument. A line break at the end of one is not part of it. */
export interface SecretInput {
  /** Reads one secret from a file, or from stdin if the file is `-` or unset. */
  one(file?: string): Promise<string>;
  /** The same for one secret on each line. */
  all(file?: string): Promise<string[]>;
  /** Reads a password of the caller. A file that other users can open is refused. */
  password(file: string): Promise<string>;
  /** Reads a token of the caller. A file that other users can open is refused, and so is what cannot be a token. */
  token(file: string): Promise<string>;
}

// More than the tokens of one call, and than the certificates of the authorities of a system.
const maxInputBytes = 512 * 1024;

/** Creates the input of one command. */
export function createSecretInput(stdin: World["stdin"]): SecretInput {
  let stdinIsRead = false;

  async function textOf(file: string, isPrivate: boolean): Promise<string> {
    if (!isStdin(file)) return (await readFile(file, { isPrivate })).toString("utf8");
    if (stdinIsRead) throw usageError("stdin can have only one secret: pass the other one in a file");
    if (stdin.isTTY) throw usageError("expected a secret on stdin: name a file, or pipe it in");
    stdinIsRead = true;
    return (await readAll(stdin, "stdin")).toString("utf8");
  }

  async function all(file = "-", isPrivate = false): Promise<string[]> {
    // Spaces at the ends of a line may belong to a password.
    const secrets = (await textOf(file, isPrivate)).split(/\r?\n/).filter((line) => line !== "");
    if (secrets.length === 0) throw failureOf(`${nameOf(file)} is empty: expected a secret`);
    return secrets;
  }

  async function one(file = "-", isPrivate = false): Promise<string> {
    const [secret = "", ...more] = await all(file, isPrivate);
    if (more.length === 0) return secret;
    throw failureOf(`${nameOf(file)} must have one line, with the secret and nothing else`);
  }

  return {
    one: (file) => one(file),
    all: (file) => all(file),
    password: (file) => one(file, true),
    token: async (file) => requireToken(await one(file, true), nameOf(file)),
  };
}

/** Returns a token of the caller. Fails if no header could carry it, with a line that names its source and not the token. */
export function requireToken(token: string, source: string): string {
  if (/^[!-~]+$/.test(token)) return token;
  throw failureOf(`${source} has no token: expected one word of printable ASCII characters`);
}

/** Reads the certificate of an authority. Fails if the file has none. */
export async function readCertificate(file: string): Promise<Buffer> {
  const content = await readFile(file, { isPrivate: false });
  if (content.includes("-----BEGIN CERTIFICATE-----")) return content;
  throw failureOf(`${file} has no certificate in PEM`);
}

const isStdin = (file: string) => file === "-" || file === "/dev/stdin";
const nameOf = (file: string) => (isStdin(file) ? "stdin" : file);

async function readFile(file: string, { isPrivate }: { isPrivate: boolean }): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    if (isPrivate) await refuseWide(file, handle);
    return await readAll(handle.createReadStream({ autoClose: false }), file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === undefined) throw error;
    throw failureOf(code === "ENOENT" ? `${file} does not exist` : `cannot read ${file}: ${code}`);
  } finally {
    await handle?.close();
  }
}

async function readAll(stream: Readable, source: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > maxInputBytes) throw failureOf(`${source} is too long`);
  }
  return Buffer.concat(chunks);
}

// A descriptor that the shell has opened, whose file this command does not name.
const inherited = /^\/(?:dev|proc\/self)\/fd\/\d+$/;

/** Fails if other users can open a file. The mode of a pipe says nothing about what passes through it. */
async function refuseWide(file: string, handle: FileHandle): Promise<void> {
  const stat = await handle.stat();
  if (process.platform === "win32" || !stat.isFile() || inherited.test(file) || (stat.mode & 0o077) === 0)
    return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  throw failureOf(
    `other users can open ${file} (mode ${mode}); run \`chmod 600 ${file}\`, and replace the secret if they may have read it`,
  );
}
