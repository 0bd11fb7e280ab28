import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { Banner } from "../../ui/banner.tsx";
import { Facts } from "../../ui/layout.tsx";
import { Time } from "../../ui/time.tsx";
import { msOf } from "./token-story.ts";
import { useKeyUsage } from "./use-key-usage.ts";
import { count } from "./words.ts";

const dayMs = 86_400_000;

/** Returns whether a key was used within a day. */
export function isInUse(key: ApiKey, nowMs = Date.now()): boolean {
  return msOf(key.info?.lastUsedAt) > nowMs - dayMs;
}

/** Shows what still uses a key, so that the user knows what a change breaks. */
export function StillUsed({ apiKey }: { apiKey: ApiKey }) {
  const usage = useKeyUsage(apiKey, "24h");
  const { lastUsedAt, tokens = [] } = apiKey.info ?? {};
  const addresses = [...new Set(tokens.map((token) => token.lastClientAddress).filter(Boolean))];
  return (
    <>
      {isInUse(apiKey) ? (
        <Banner tone="warning" title="This key is in use. ">
          <p>
            It was last used <Time value={lastUsedAt} />. Programs that use it will be rejected.
          </p>
        </Banner>
      ) : (
        <Banner>
          {lastUsedAt ? "Nothing used this key in the last 24 hours." : "This key was never used."}
        </Banner>
      )}
      <Facts
        facts={[
          ["Last used", <Time key="time" value={lastUsedAt} />],
          ["Last seen from", addresses.length > 0 ? addresses.join(", ") : "not known"],
          ...(usage.data ? [["Last 24 hours", count(usage.data.total, "verification")] as const] : []),
        ]}
      />
    </>
  );
}
