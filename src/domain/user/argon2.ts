// The default import, because old versions of Node have no `argon2` to import by name.
import crypto from "node:crypto";
import { promisify } from "node:util";

/** Argon2id (RFC 9106), with hashes in PHC string format. */
export interface Argon2 {
  hash(password: string, cost: PasswordCost): Promise<string>;
  /** Returns whether the password matches. Fails if the stored text is no hash of Argon2id. */
  verify(stored: string, password: string): Promise<boolean>;
}

/** The cost of one hash: KiB of memory, passes over it, lanes. */
export interface PasswordCost {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

const saltBytes = 16;
const tagBytes = 32;
const phc =
  /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,128})$/;

/**
 * Returns the implementation of `@node-rs/argon2`. npm installs its native part as an optional dependency. If that is missing,
 * returns the implementation of Node, which is there from version 24.7 on. Throws an error of one line if there is neither.
 */
export async function loadArgon2(): Promise<Argon2> {
  try {
    const { hash, verify } = await import("@node-rs/argon2");
    return { hash, verify };
  } catch (cause) {
    if (typeof crypto.argon2 === "function") return nodeArgon2();
    const problem = `the native part of @node-rs/argon2 is not installed, and Node ${process.versions.node} has no Argon2`;
    throw new Error(`${problem}. Use Node 24.7 or newer, or install Latchkey without --omit=optional`, {
      cause,
    });
  }
}

/** Returns the implementation of Node 24.7 or newer. It hashes on the threads of Node's pool, as the other one does. */
export function nodeArgon2(): Argon2 {
  const argon2id = promisify(crypto.argon2).bind(undefined, "argon2id");
  return {
    async hash(password, { memoryCost, timeCost, parallelism }) {
      const nonce = crypto.randomBytes(saltBytes);
      const cost = { memory: memoryCost, passes: timeCost, parallelism };
      const tag = await argon2id({ message: password, nonce, tagLength: tagBytes, ...cost });
      return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${encode(nonce)}$${encode(tag)}`;
    },
    async verify(stored, password) {
      const [, memory, passes, parallelism, salt, hash] = phc.exec(stored) ?? [];
      if (salt === undefined || hash === undefined) throw new Error("the stored text is no hash of Argon2id");
      const [nonce, expected] = [Buffer.from(salt, "base64"), Buffer.from(hash, "base64")];
      const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
      const tag = await argon2id({ message: password, nonce, tagLength: expected.length, ...cost });
      return crypto.timingSafeEqual(tag, expected);
    },
  };
}

// Base64 without padding, as the PHC format has it.
function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
