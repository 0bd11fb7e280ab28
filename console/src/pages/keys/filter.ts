import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ApiKeyKind, ApiKeyState, Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { ListApiKeysRequestSchema } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { findToken } from "./token-form.ts";

/** What the user wants to see in the list of keys. Empty texts do not filter. */
export interface KeyFilter {
  /** A part of the name, or the beginning of an id. */
  search: string;
  /** Labels such as `env=prod,team=ai`. */
  labels: string;
  kind: KindName | "";
  environment: EnvironmentName | "";
  state: StateName | "";
  /** Only keys that expire within 14 days. */
  expiresSoon: boolean;
  /** Only keys that nothing used for 30 days. */
  unused: boolean;
  oldestFirst: boolean;
}

/** The name of a kind of key in the console. */
export type KindName = "application" | "service" | "developer";
/** The name of an environment in the console. */
export type EnvironmentName = "live" | "test";
/** The name of a state in the console. */
export type StateName = "active" | "disabled" | "expired" | "revoked";

/** The filter that shows every key that is not revoked. */
export const everything: KeyFilter = {
  search: "",
  labels: "",
  kind: "",
  environment: "",
  state: "",
  expiresSoon: false,
  unused: false,
  oldestFirst: false,
};

export const kinds: Record<KindName, ApiKeyKind> = {
  application: ApiKeyKind.APPLICATION,
  service: ApiKeyKind.SERVICE,
  developer: ApiKeyKind.DEVELOPER,
};
export const environments: Record<EnvironmentName, Environment> = {
  live: Environment.LIVE,
  test: Environment.TEST,
};
export const states: Record<StateName, ApiKeyState> = {
  active: ApiKeyState.ACTIVE,
  disabled: ApiKeyState.DISABLED,
  expired: ApiKeyState.EXPIRED,
  revoked: ApiKeyState.REVOKED,
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The days before its end for which a key expires soon. */
export const soonDays = 14;
/** The days without a use after which a key is unused. */
export const unusedDays = 30;

/** Returns whether the filter hides keys. */
export function isNarrow(filter: KeyFilter): boolean {
  return Object.entries(filter).some(
    ([name, value]) => name !== "oldestFirst" && value !== "" && value !== false,
  );
}

/** Returns the request for a filter. It never contains a token: a text with a token does not filter. */
export function requestOf(
  filter: KeyFilter,
  nowMs: number,
): MessageInitShape<typeof ListApiKeysRequestSchema> {
  // The same text for an hour, so that the same filter is the same query.
  const now = Math.floor(nowMs / hourMs) * hourMs;
  const { kind, environment, state, expiresSoon, unused } = filter;
  return {
    ...searchOf(filter.search),
    ...(filter.labels.trim() !== "" && !findToken(filter.labels) && { labels: filter.labels.trim() }),
    ...(kind && { kind: kinds[kind] }),
    ...(environment && { environment: environments[environment] }),
    // A key that is not active any more does not expire soon.
    ...((state || expiresSoon) && { state: states[state || "active"] }),
    ...(expiresSoon && { expiresBefore: timestampFromMs(now + hourMs + soonDays * dayMs) }),
    ...(unused && { unusedSince: timestampFromMs(now - unusedDays * dayMs) }),
    sortOrder: filter.oldestFirst ? "asc" : "desc",
  };
}

function searchOf(search: string) {
  const text = search.trim();
  if (text === "" || findToken(text)) return {};
  return /^key_[0-9a-z]*$/.test(text) ? { prefix: text } : { query: text };
}
