import type { Theme } from "../theme.ts";

/** Why the page asks its parent for a token: it has none, its token ends soon, or the server refused its token. */
export type TokenReason = "start" | "expiring" | "ended";

/** What the page sends to its parent. */
export interface TokenNeeded {
  type: "latchkey:token-needed";
  reason: TokenReason;
}

/** A message of the parent. `wrong`: the token does not belong to an embed session. */
export type ParentMessage =
  | { type: "token"; token: string }
  | { type: "theme"; theme: Theme }
  | { type: "wrong" };

const themes: readonly unknown[] = ["system", "light", "dark"];
// A key or a session of a person would give the page more than it needs.
const embedToken = /^[a-z0-9]{2,10}([_-])emb\1[0-7][0-9a-hjkmnp-tv-z]{25}[0-9A-Za-z]{38}$/;

/** Reads the data of a message. Returns undefined for a message that is not meant for this page. */
export function parseMessage(data: unknown): ParentMessage | undefined {
  if (typeof data !== "object" || data === null || !("type" in data)) return undefined;
  const { type, token, theme } = data as Record<string, unknown>;
  if (type === "latchkey:theme") {
    return themes.includes(theme) ? { type: "theme", theme: theme as Theme } : undefined;
  }
  if (type !== "latchkey:token") return undefined;
  if (typeof token !== "string" || !embedToken.test(token)) return { type: "wrong" };
  return { type: "token", token };
}
