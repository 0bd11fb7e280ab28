import { parseOrigin, splitList } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How browsers reach the console. */
export interface ConsoleSettings {
  /** The origin under which browsers reach the server. Unset: each request names it. */
  publicUrl: string | undefined;
  /** Origins whose pages may show the embedded page in a frame. Empty: no page may. */
  embedOrigins: string[];
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
    embedOrigins: read(
      "LATCHKEY_EMBED_ORIGINS",
      [],
      parseEmbedOrigins,
      "origins such as https://app.example, comma-separated; `*` would let every page embed the console",
    ),
  };
}

function parseEmbedOrigins(text: string): string[] | undefined {
  const origins = splitList(text);
  return origins.every((origin) => parseOrigin(origin) !== undefined) ? origins : undefined;
}
