import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  UsageGroup,
  UsageInterval,
  type UsageItem,
  type UsageSeriesSchema,
} from "../../gen/latchkey/v1/usage_pb.ts";
import type { UsageService } from "../../gen/latchkey/v1/usage_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { Db } from "../db/connect.ts";
import type { Environment } from "../db/schema.ts";
import { accountLimitName } from "../domain/access/acting.ts";
import { requireAddress } from "../domain/kernel/address-field.ts";
import { invalidField } from "../domain/kernel/error.ts";
import { namesOf } from "../domain/kernel/names.ts";
import { type UsageGroup as Group, getUsage, type Series } from "../domain/usage/get.ts";
import { type ReportedUse, reportUsage } from "../domain/usage/report.ts";
import type { UsageRetention } from "../domain/usage/retention.ts";
import { createPublicLimit } from "../verify/public-limit.ts";
import { environmentMessage, environmentOf } from "./api-key-message.ts";
import { date } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";

// Reports of one account. The ids of an hour are stored.
const reportsPerMinute = 6_000;

/** `UsageService`: how often keys were verified. */
export function usageService(db: Db, retention: UsageRetention): Operations<typeof UsageService> {
  const reports = createPublicLimit("usage_reports", reportsPerMinute, 60);
  return {
    async getUsage(request, context) {
      const input = {
        ...request,
        startTime: date(request.startTime, "start_time"),
        endTime: date(request.endTime, "end_time"),
        interval: request.interval === UsageInterval.HOUR ? ("hour" as const) : ("day" as const),
        groupBy: request.groupBy.map(groupOf),
        environment: environmentOf(request.environment),
      };
      const caller = callerOf(context);
      const found = await getUsage(db, caller, input, retention.usageRetentionMs);
      const { series, total, unknown, nextCursor } = found;
      const keyIds = new Set(series.flatMap(({ keyId }) => keyId ?? []));
      return {
        series: series.map(seriesMessage),
        total,
        pagination: { nextCursor },
        unknownTokens: unknown,
        keyNames: await namesOf(db, caller, keyIds),
      };
    },
    async reportUsage({ batchId, items }, context) {
      const caller = callerOf(context);
      const uses = items.map(reportedUse);
      await reports.spend(accountLimitName(caller));
      await reportUsage(db, caller, batchId, uses, retention);
      return {};
    },
  };
}

const groups: Partial<Record<UsageGroup, Group>> = {
  [UsageGroup.KEY]: "key",
  [UsageGroup.ENVIRONMENT]: "environment",
  [UsageGroup.VERDICT]: "verdict",
};

function groupOf(group: UsageGroup, place: number): Group {
  const found = groups[group];
  if (!found) throw invalidField(`group_by[${place}]`, "expected a value other than USAGE_GROUP_UNSPECIFIED");
  return found;
}

const verdictNames = new Map<Verdict, string>(
  Object.entries(Verdict).flatMap(([name, value]) => (value === Verdict.UNSPECIFIED ? [] : [[value, name]])),
);

function reportedUse(item: UsageItem, place: number): ReportedUse {
  const field = `items[${place}]`;
  const verdict = verdictNames.get(item.verdict);
  if (verdict === undefined) {
    throw invalidField(`${field}.verdict`, "expected a value other than VERDICT_UNSPECIFIED");
  }
  requireAddress(item.clientAddress, `${field}.client_address`);
  const { keyId, tokenId, count, clientAddress } = item;
  const usedAt = date(item.lastUsedAt, `${field}.last_used_at`);
  return { keyId, shownTokenId: tokenId, verdict, count, usedAt, clientAddress };
}

const isEnvironment = (text: string | null): text is Environment => text === "test" || text === "live";

function seriesMessage({
  keyId,
  environment,
  verdict,
  points,
}: Series): MessageInitShape<typeof UsageSeriesSchema> {
  return {
    keyId: keyId ?? "",
    environment: environmentMessage(isEnvironment(environment) ? environment : undefined),
    verdict: Verdict[(verdict ?? "UNSPECIFIED") as keyof typeof Verdict],
    total: points.reduce((sum, { count }) => sum + count, 0n),
    points: points.map(({ start, count }) => ({ startTime: timestampFromDate(start), count })),
  };
}
