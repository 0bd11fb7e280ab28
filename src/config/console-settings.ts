import { parseOrigin } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How browsers reach the console. */
export interface ConsoleSettings {
  /** The origin under which browsers reach the server. Unset: each request names it. */
  publicUrl: string | undefined;
}

/** Reads the settings about the console. */
export function readConsoleSettings(read: Read): ConsoleSettings {
  return {
    publicUrl: read(
      "LATCHKEY_PUBLIC_URL",
      undefined,
      parseOrigin,
      "an origin such as https://keys.example, in lower case, without a path",
    ),
  };
}
