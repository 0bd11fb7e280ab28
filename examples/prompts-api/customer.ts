import { readFileSync, writeFileSync } from "node:fs";
import { createClient, type LatchkeyClient, LatchkeyError } from "latchkey/client";

const { LATCHKEY_URL: url = "http://127.0.0.1:8080" } = process.env;
const bearer = "Authorization: Bearer ";

/** Keeps a token as a header for curl, in a file that only its owner can read. */
export function keepToken(name: string, token: string): void {
  writeFileSync(`.latchkey/${name}`, `${bearer}${token}\n`, { mode: 0o600 });
}

/** Returns a token that was kept. */
export function readToken(name: string): string {
  return readFileSync(`.latchkey/${name}`, "utf8").trim().slice(bearer.length);
}

/** Makes calls as the holder of a token, or without one. A refusal ends the program with one line and the exit code 1. */
export async function withLatchkey(
  token: string | undefined,
  calls: (latchkey: LatchkeyClient) => Promise<void>,
): Promise<void> {
  // One client serves any number of calls. It repeats those that are safe to repeat, and each call has a deadline.
  const latchkey = createClient({ url, token });
  try {
    await calls(latchkey);
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    // Programs decide by the reason, which stays the same. The message is for people.
    process.stderr.write(`${error.reason}: ${error.message}\n`);
    process.exit(1);
  } finally {
    latchkey.close();
  }
}
