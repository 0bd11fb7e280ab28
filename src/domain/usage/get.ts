import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Environment } from "../../db/schema.ts";
import type { Caller } from "../access/principal.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../kernel/list.ts";
import { type UsageRange, usageRange } from "./range.ts";

/** A property that verifications of one series have in common. */
export type UsageGroup = "key" | "environment" | "verdict";

/** The filters and groups of a request. */
export interface UsageInput {
  startTime: Date | undefined;
  endTime: Date | undefined;
  interval: "hour" | "day";
  groupBy: readonly UsageGroup[];
  /** Empty: every key. */
  keyId: string;
  environment: Environment | undefined;
  limit: number;
  cursor: string;
}

/** The verifications of one group. Fields by which the request does not group are null. */
export interface Series {
  keyId: string | null;
  environment: string | null;
  verdict: string | null;
  points: { start: Date; count: bigint }[];
}

/** The answer to a request. */
export interface UsageReport {
  series: Series[];
  total: bigint;
  unknown: { network: string; count: bigint }[];
  nextCursor: string;
}

// Points of one series, times the number of keys.
const maxKeyPoints = 20_000;
const maxUnknown = 100;

/**
 * Returns the usage of the caller's account, in one statement. If the request names or groups by keys, it reads the rows of a
 * bounded number of keys. Otherwise it reads the sums of the account, whose number does not grow with the keys.
 */
export async function getUsage(
  db: Db,
  caller: Caller,
  input: UsageInput,
  retentionMs: number,
): Promise<UsageReport> {
  const range = usageRange(input, retentionMs);
  const byKey = input.groupBy.includes("key");
  const pageSize = Math.max(1, Math.min(pageLimit(input.limit), Math.floor(maxKeyPoints / range.intervals)));
  const rows = byKey || input.keyId !== "" ? ofKeys(caller, input, range) : ofAccount(caller, input, range);
  const all = input.keyId !== "" ? rows : ofAccount(caller, input, range);
  const isFiltered = input.keyId !== "" || input.environment !== undefined;
  const { rows: found } = await sql<FoundUsage>`
    with ids as (${byKey ? keyPage(caller, input, range, pageSize) : sql`select null::text as key_id where false`}),
    chosen as (
      select * from (${rows}) rows
      ${byKey ? sql`where key_id in (select key_id from ids order by key_id limit ${pageSize})` : sql``}
    ),
    points as (
      select ${columns(input)}, ${startOf(input.interval)} as start, sum(count) as count
      from chosen group by 1, 2, 3, 4
    )
    select
      (select coalesce(json_agg(json_build_array(
        key_id, environment, verdict, extract(epoch from start)::bigint * 1000, count::text
      ) order by key_id, environment, verdict, start), '[]') from points) as points,
      (select coalesce(sum(count), 0)::text from (${all}) rows) as total,
      (select coalesce(json_agg(json_build_array(network, count::text)), '[]') from (
        ${unknownTokens(caller, range, isFiltered)}
      ) unknown) as unknown,
      (select array_agg(key_id order by key_id) from ids) as ids`.execute(db);
  const [one] = found;
  if (!one) throw new Error("the statement returned no row");
  const { points, total, unknown, ids } = one;
  const last = (ids?.length ?? 0) > pageSize ? ids?.[pageSize - 1] : undefined;
  return {
    series: seriesOf(points),
    total: BigInt(total),
    unknown: unknown.map(([network, count]) => ({ network, count: BigInt(count) })),
    nextCursor: last === undefined ? "" : encodeCursor(last, "asc"),
  };
}

type PointRow = [
  keyId: string | null,
  environment: string | null,
  verdict: string | null,
  start: number,
  count: string,
];

interface FoundUsage {
  points: PointRow[];
  total: string;
  unknown: [network: string, count: string][];
  ids: string[] | null;
}

function ofAccount(
  { accountId }: Caller,
  { environment }: UsageInput,
  range: UsageRange,
): RawBuilder<unknown> {
  return sql`
    select null::text as key_id, environment, verdict, hour, count from account_usage
    where account_id = ${accountId} and hour >= ${range.start} and hour < ${range.end}
      ${environment ? sql`and environment = ${environment}` : sql``}`;
}

function ofKeys(
  { accountId }: Caller,
  { keyId, environment }: UsageInput,
  range: UsageRange,
): RawBuilder<unknown> {
  return sql`
    select used.api_key_id as key_id, coalesce(key.environment, '') as environment, used.verdict, used.hour, used.count
    from key_usage used
    join api_key key on key.account_id = used.account_id and key.id = used.api_key_id
    where used.account_id = ${accountId} and used.hour >= ${range.start} and used.hour < ${range.end}
      ${keyId === "" ? sql`` : sql`and used.api_key_id = ${keyId}`}
      ${environment ? sql`and key.environment = ${environment}` : sql``}`;
}

// Each step finds the key after the previous one. So the cost does not grow with the number of rows of a key. The query reads
// one key more than the page has: that key shows that there is another page.
function keyPage(
  { accountId }: Caller,
  { cursor, keyId }: UsageInput,
  range: UsageRange,
  pageSize: number,
): RawBuilder<unknown> {
  if (keyId !== "") return sql`select ${keyId}::text as key_id`;
  const next = (after: RawBuilder<unknown>) => sql`
    select used.api_key_id from key_usage used
    where used.account_id = ${accountId} and used.hour >= ${range.start} and used.hour < ${range.end}
      and used.api_key_id > ${after}
    order by used.api_key_id
    limit 1`;
  const first = cursor === "" ? "" : decodeCursor(cursor, "asc");
  return sql`
    select key_id from (
      with recursive walk as (
        (${next(sql`${first}::text`)})
        union all
        select (${next(sql`walk.api_key_id`)}) from walk where walk.api_key_id is not null
      )
      select api_key_id as key_id from walk limit ${pageSize + 1}
    ) walked where key_id is not null`;
}

function columns({ groupBy }: UsageInput): RawBuilder<unknown> {
  const column = (name: string, group: UsageGroup) =>
    groupBy.includes(group) ? sql`${sql.ref(name)} as ${sql.ref(name)}` : sql`null::text as ${sql.ref(name)}`;
  return sql`${column("key_id", "key")}, ${column("environment", "environment")}, ${column("verdict", "verdict")}`;
}

function startOf(interval: "hour" | "day"): RawBuilder<unknown> {
  return interval === "hour" ? sql`hour` : sql`date_trunc('day', hour, 'UTC')`;
}

function unknownTokens({ accountId }: Caller, range: UsageRange, isFiltered: boolean): RawBuilder<unknown> {
  return sql`
    select network, sum(count) as count from unknown_token_usage
    where account_id = ${accountId} and hour >= ${range.start} and hour < ${range.end} and ${!isFiltered}
    group by network order by 2 desc, 1 limit ${maxUnknown}`;
}

// The points are sorted by series.
function seriesOf(points: readonly PointRow[]): Series[] {
  const series: Series[] = [];
  for (const [keyId, environment, verdict, start, count] of points) {
    const last = series.at(-1);
    const isSame =
      last && last.keyId === keyId && last.environment === environment && last.verdict === verdict;
    const one = isSame ? last : { keyId, environment, verdict, points: [] };
    if (!isSame) series.push(one);
    one.points.push({ start: new Date(start), count: BigInt(count) });
  }
  return series;
}
