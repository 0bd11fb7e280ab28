import type { Env, Read } from "./reader.ts";

/** What the command line calls. The server reads none of it. */
export interface ClientSettings {
  /** The address of the server. */
  url: string | undefined;
  /** A token. An empty one is not the same as none, because it may come from a variable that is unset by mistake. */
  token: string | undefined;
}

/** Returns the settings of the command line. */
export function readClientSettings(env: Env): ClientSettings {
  return { url: env.LATCHKEY_URL || undefined, token: env.LATCHKEY_TOKEN };
}

/** Makes the settings of the command line known, because a shell that has them may start a server too. */
export function allowClientSettings(read: Read): void {
  for (const name of ["LATCHKEY_URL", "LATCHKEY_TOKEN"]) read(name, "", (text) => text, "any text");
}
