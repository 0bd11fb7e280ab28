import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, useQuery as useOwnQuery } from "@tanstack/react-query";
import { UsageGroup, UsageInterval, type UsageSeries } from "../../../gen/latchkey/v1/usage_pb.ts";
import { UsageService } from "../../../gen/latchkey/v1/usage_service_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { useConnection } from "../../connection.ts";
import type { Counts, Range } from "./series.ts";

const refreshMs = 30_000;

function requestOf({ start, end, interval }: Range) {
  return {
    startTime: timestampFromDate(start),
    endTime: timestampFromDate(end),
    interval: interval === "hour" ? UsageInterval.HOUR : UsageInterval.DAY,
  };
}

/** Returns the verifications of the account in a range, by verdict and environment. */
export function useAccountUsage(range: Range) {
  return useQuery(
    UsageService.method.getUsage,
    { ...requestOf(range), groupBy: [UsageGroup.VERDICT, UsageGroup.ENVIRONMENT] },
    { placeholderData: keepPreviousData, refetchInterval: refreshMs },
  );
}

/** Returns the counts of series. */
export function countsOf(series: readonly UsageSeries[]): Counts[] {
  return series.map(({ environment, verdict, points }) => ({
    environment,
    verdict,
    points: points.map(({ startTime, count }) => ({
      start: startTime ? timestampDate(startTime) : new Date(0),
      count: Number(count),
    })),
  }));
}

/** The verifications of one key. */
export interface KeyUsage {
  id: string;
  name: string;
  accepted: number;
  refused: number;
}

/** The keys with the most verifications. */
export interface KeysUsage {
  keys: readonly KeyUsage[];
  /** True if the account has more keys with verifications than the page reads. */
  more: boolean;
}

const maxPages = 5;

/** Returns the verifications of each key in a range, most first. It reads a bounded number of keys. */
export function useKeysUsage(range: Range) {
  const { transport, account } = useConnection();
  return useOwnQuery({
    queryKey: ["usage of keys", account.get(), range.start.getTime(), range.end.getTime()],
    placeholderData: keepPreviousData,
    async queryFn({ signal }): Promise<KeysUsage> {
      const client = createClient(UsageService, transport);
      const keys = new Map<string, KeyUsage>();
      let cursor = "";
      for (let page = 0; page < maxPages; page++) {
        const groupBy = [UsageGroup.KEY, UsageGroup.VERDICT];
        const request = { ...requestOf(range), groupBy, limit: 200, cursor };
        const { series, keyNames, pagination } = await client.getUsage(request, { signal });
        for (const one of series) addTo(keys, one, keyNames);
        cursor = pagination?.nextCursor ?? "";
        if (cursor === "") break;
      }
      const sorted = [...keys.values()].sort((a, b) => b.accepted + b.refused - (a.accepted + a.refused));
      return { keys: sorted, more: cursor !== "" };
    },
  });
}

function addTo(
  keys: Map<string, KeyUsage>,
  { keyId: id, verdict, total }: UsageSeries,
  names: Record<string, string>,
) {
  const usage = keys.get(id) ?? { id, name: names[id] ?? id, accepted: 0, refused: 0 };
  usage[verdict === Verdict.VALID ? "accepted" : "refused"] += Number(total);
  keys.set(id, usage);
}
