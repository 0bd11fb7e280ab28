import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { ApiKeyToken } from "../../../gen/latchkey/v1/api_key_pb.ts";

/** What a rotation has come to: which of the live tokens are used. */
export type TokenStory =
  | { state: "none" }
  | { state: "one" }
  /** An old token was used after the newest one was minted. */
  | { state: "old-used"; old: ApiKeyToken; newest: ApiKeyToken }
  /** Only the newest token is used. */
  | { state: "moved"; newest: ApiKeyToken }
  /** No token was used since the rotation. */
  | { state: "quiet"; newest: ApiKeyToken };

/** Returns what the live tokens of a key tell. They are in the order of the server, oldest first. */
export function storyOf(tokens: readonly ApiKeyToken[]): TokenStory {
  const newest = tokens.at(-1);
  if (!newest) return { state: "none" };
  if (tokens.length === 1) return { state: "one" };
  const rotatedMs = msOf(newest.createdAt);
  const used = tokens.slice(0, -1).filter((token) => msOf(token.lastUsedAt) > rotatedMs);
  const [old] = used.sort((a, b) => msOf(b.lastUsedAt) - msOf(a.lastUsedAt));
  if (old) return { state: "old-used", old, newest };
  return { state: newest.lastUsedAt ? "moved" : "quiet", newest };
}

/** Returns the last characters of a token, by which a person recognises it. */
export function tailOf(token: ApiKeyToken): string {
  return token.hint.slice(token.hint.indexOf("…"));
}

/** Returns a time in milliseconds, or 0 if it is unset. */
export function msOf(time: Timestamp | undefined): number {
  return time ? timestampMs(time) : 0;
}
