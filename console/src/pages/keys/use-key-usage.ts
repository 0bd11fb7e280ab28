import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { UsageGroup, UsageInterval } from "../../../gen/latchkey/v1/usage_pb.ts";
import { UsageService } from "../../../gen/latchkey/v1/usage_service_pb.ts";
import { useSession } from "../../session.ts";
import type { Bar } from "../../ui/chart.tsx";
import { barsOf } from "./usage-bars.ts";
import { idOf } from "./words.ts";

/** The time range of a usage chart. */
export type UsageRange = "24h" | "7d" | "30d";

/** The verifications of a key: accepted, limited and refused ones per interval. */
export interface KeyUsage {
  total: bigint;
  /** One bar per interval, also for intervals without verifications. */
  bars: readonly Bar[];
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const refreshMs = 30_000;
const ranges: Record<UsageRange, { interval: UsageInterval; stepMs: number; steps: number }> = {
  "24h": { interval: UsageInterval.HOUR, stepMs: hourMs, steps: 24 },
  "7d": { interval: UsageInterval.HOUR, stepMs: 6 * hourMs, steps: 28 },
  "30d": { interval: UsageInterval.DAY, stepMs: dayMs, steps: 30 },
};

/** Loads the usage of a key, if the caller may read it. */
export function useKeyUsage(key: ApiKey, range: UsageRange) {
  const { can } = useSession();
  const { interval, stepMs, steps } = ranges[range];
  // The current interval is the last one.
  const endMs = Math.ceil((Date.now() + 1) / stepMs) * stepMs;
  const startMs = endMs - steps * stepMs;
  const query = useQuery(
    UsageService.method.getUsage,
    {
      keyId: idOf(key),
      interval,
      groupBy: [UsageGroup.VERDICT],
      startTime: timestampFromMs(startMs),
      endTime: timestampFromMs(endMs),
    },
    { enabled: can("usage:read"), refetchInterval: refreshMs },
  );
  const data: KeyUsage | undefined = query.data && {
    total: query.data.total,
    bars: barsOf(query.data.series, { startMs, stepMs, steps }),
  };
  return { data, error: query.error };
}
