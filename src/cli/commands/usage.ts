import type { UsagePoint, UsageSeries } from "../../../gen/latchkey/v1/usage_pb.ts";
import { command } from "../command.ts";
import { timeText, wordOf } from "../text.ts";
import { enumOf, pastTimeOf } from "../values.ts";

interface Row {
  series: UsageSeries;
  /** One interval. Unset: the whole time. */
  point: UsagePoint | undefined;
}

const groups = ["key", "environment", "verdict"] as const;

const usage = command({
  path: ["usage"],
  summary: "show how often keys were verified",
  description:
    "Counts the verifications of the last 30 days, or of the time between --since and --until. With --points, each interval has a line.",
  options: {
    by: { value: "PROPERTY", many: true, choices: groups, summary: "count separately by this property" },
    since: { value: "TIME", summary: "from this time on: 24h, 7d or 2026-11-22T06:40:00Z" },
    until: { value: "TIME", summary: "before this time" },
    interval: { value: "INTERVAL", choices: ["hour", "day"], summary: "length of the intervals (day)" },
    key: { value: "KEY_ID", summary: "only this key" },
    environment: {
      value: "ENVIRONMENT",
      choices: ["test", "live"],
      summary: "only keys of this environment",
    },
    points: { summary: "show each interval" },
  },
  examples: [
    { text: "Count the verifications of 30 days by verdict.", command: "latchkey usage --by verdict" },
    {
      text: "Show each hour of a day for one key.",
      command: "latchkey usage --key KEY_ID --since 24h --interval hour --points",
    },
  ],
  rpcs: ["UsageService.GetUsage"],
  async run(context, { by, since, until, interval, key = "", environment, points }) {
    const [{ UsageGroup, UsageInterval }, { Environment }, { Verdict }] = await Promise.all([
      import("../../../gen/latchkey/v1/usage_pb.ts"),
      import("../../../gen/latchkey/v1/api_key_pb.ts"),
      import("../../../gen/latchkey/v1/verdict_pb.ts"),
    ]);
    const now = Date.now();
    const request = {
      ...(since !== undefined && { startTime: pastTimeOf("since", since, now) }),
      ...(until !== undefined && { endTime: pastTimeOf("until", until, now) }),
      interval: enumOf(UsageInterval, interval),
      groupBy: by.map((one) => enumOf(UsageGroup, one)),
      keyId: key,
      environment: enumOf(Environment, environment),
    };
    const client = await context.client();
    const message = await client.usage.getUsage(request);
    // All pages become one response. Each has other series.
    for (let cursor = message.pagination?.nextCursor; cursor; ) {
      const page = await client.usage.getUsage({ ...request, cursor });
      message.series.push(...page.series);
      cursor = page.pagination?.nextCursor;
    }
    if (message.pagination) message.pagination.nextCursor = "";
    const rows = message.series.flatMap((series): Row[] =>
      points ? series.points.map((point) => ({ series, point })) : [{ series, point: undefined }],
    );
    const columns: [string, boolean, (series: UsageSeries) => string][] = [
      ["key", by.includes("key"), ({ keyId }) => keyId],
      ["environment", by.includes("environment"), (one) => wordOf(Environment, one.environment) || "none"],
      ["verdict", by.includes("verdict"), ({ verdict }) => wordOf(Verdict, verdict)],
    ];
    await context.out.list<Row>({
      message,
      items: rows,
      id: ({ series }) => series.keyId,
      empty: "no verifications in this time",
      columns: [
        ...(points ? [{ title: "from", value: ({ point }: Row) => timeText(point?.startTime) }] : []),
        ...columns
          .filter(([, isShown]) => isShown)
          .map(([title, , value]) => ({ title, value: ({ series }: Row) => value(series) })),
        { title: "verifications", value: ({ series, point }) => String(point?.count ?? series.total) },
      ],
    });
    for (const { network, count } of message.unknownTokens) {
      context.out.note(`unknown tokens from ${network || "an unnamed network"}: ${count}`);
    }
  },
});

/** The commands about usage. */
export const usageCommands = [usage];
