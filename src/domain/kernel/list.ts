import { type Expression, type RawBuilder, type SelectQueryBuilder, type SqlBool, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { DomainError, invalidField } from "./error.ts";

/** The page of a list that a request asks for, before validation. */
export interface PageInput {
  limit: number;
  cursor: string;
  sortOrder: string;
}

/** The filter of a list. Empty strings do not filter. */
export interface ListInput extends PageInput {
  labels: string;
  prefix: string;
  query: string;
  externalId: string;
}

/** One page, and the cursor of the next page. The cursor is empty on the last page. */
export interface Page<T> {
  items: T[];
  nextCursor: string;
}

/** The conditions of a list that no index serves. */
export interface PageFilter {
  fits: Expression<SqlBool> | undefined;
  /** The maximum number of rows that one page examines. */
  maxExamined?: number;
}

type Order = "asc" | "desc";
type Position = PageInput & { prefix?: string; externalId?: string };

const defaultLimit = 50;
const maxLimit = 200;
const newestFirst = "desc";
// The examination takes about 10 ms. A page that reaches the limit has fewer items. The next page continues behind
// the last examined row.
const maxExaminedRows = 10_000;
// Sorts after every character of an id.
const highest = "\x7f";

/**
 * Runs a query for one page in the order of `column`, which the result shows as `id`. Ids are in the order of creation.
 * An index must serve the conditions of the query in this order. All other conditions go into the filter. Then one page
 * examines a bounded number of rows, and may have fewer items than the limit although more exist. This is one
 * statement.
 */
export async function page<DB, TB extends keyof DB, O extends { id: string }>(
  db: Db,
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  input: Position,
  { fits, maxExamined = maxExaminedRows }: PageFilter = { fits: undefined },
): Promise<Page<O>> {
  const order = orderOf(input);
  const ordered = paged(query, column, input, order);
  const limit = pageLimit(input.limit) + 1;
  if (!fits) return pageOf(await ordered.limit(limit).execute(), input, order);
  const id = sql.ref<string>(column);
  const examined = ordered.clearSelect().select(id.as("id"));
  const fitting = ordered.where(fits).where(notBehind(id, order)).limit(limit);
  // The result may have no rows. Then the connection checks that the server is still the primary.
  const { rows } = await sql<Examined & (O | { id: null })>`
    select examined.last as last_examined, fitting.*
    from (select (${examined.offset(maxExamined - 1).limit(1)}) as last) examined
    left join lateral (${fitting}) fitting on true
    where fitting.id is not null or examined.last is not null
    order by fitting.id ${sql.raw(order)}`.execute(db);
  const found = rows.map(({ last_examined: _, ...row }) => row as O | { id: null });
  return pageOf(found.filter(isRow), input, order, rows[0]?.last_examined ?? undefined);
}

interface Examined {
  /** The last row that the page may examine, or null if there are fewer rows. */
  last_examined: string | null;
}

function notBehind(id: RawBuilder<string>, order: Order) {
  return order === "asc"
    ? sql<SqlBool>`${id} <= coalesce(examined.last, ${highest})`
    : sql<SqlBool>`${id} >= coalesce(examined.last, '')`;
}

/**
 * The same for a bounded list of children: `parent` selects the parent, and `query` its children. Returns undefined if
 * the parent does not exist. This is one statement.
 */
export async function pageWithin<DB, TB extends keyof DB, O extends { id: string }>(
  db: Db,
  parent: RawBuilder<unknown>,
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  input: Position,
): Promise<Page<O> | undefined> {
  const order = orderOf(input);
  const children = paged(query, column, input, order).limit(pageLimit(input.limit) + 1);
  const { rows } = await sql<O | { id: null }>`
    select child.* from (${parent}) parent
    left join lateral (${children}) child on true
    order by child.id ${sql.raw(order)}`.execute(db);
  if (rows.length === 0) return undefined;
  // A parent without children results in one row of nulls.
  return pageOf(rows.filter(isRow), input, order);
}

function isRow<O extends { id: string }>(row: O | { id: null }): row is O {
  return row.id !== null;
}

function paged<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  { cursor, prefix = "", externalId = "" }: Position,
  order: Order,
) {
  const id = sql.ref<string>(column);
  let ordered = query.orderBy(id, order);
  if (externalId !== "") {
    // An index has the resources with an external id, in the order of their ids.
    const external = sql.ref<string>(column.replace(/id$/, "external_id"));
    ordered = ordered.where(sql<SqlBool>`${external} = ${externalId} and ${external} <> ''`);
  }
  if (prefix !== "") {
    ordered = ordered.where(sql<SqlBool>`${id} >= ${prefix} and ${id} < ${prefix + highest}`);
  }
  if (cursor === "") return ordered;
  const after = decodeCursor(cursor, order);
  return ordered.where(order === "asc" ? sql<SqlBool>`${id} > ${after}` : sql<SqlBool>`${id} < ${after}`);
}

function pageOf<O extends { id: string }>(
  rows: O[],
  input: PageInput,
  order: Order,
  lastExamined?: string,
): Page<O> {
  const limit = pageLimit(input.limit);
  const items = rows.slice(0, limit);
  const next = rows.length > limit ? items.at(-1)?.id : lastExamined;
  return { items, nextCursor: next === undefined ? "" : encodeCursor(next, order) };
}

function orderOf(input: PageInput): Order {
  return input.sortOrder === "asc" ? "asc" : newestFirst;
}

/** Returns the filter of a list on `table`, which has the columns `name` and `labels`. */
export function listFilter(
  table: string,
  input: Pick<ListInput, "labels" | "query">,
  further?: Expression<SqlBool>,
): PageFilter {
  return filterOf([...listConditions(table, input), further]);
}

/** Returns the conditions of `labels` and `query` on `table`, for `filterOf`. */
export function listConditions(table: string, { labels, query }: Pick<ListInput, "labels" | "query">) {
  const wanted = labels !== "" && JSON.stringify(parseLabelSelector(labels));
  return [
    wanted !== false && sql<SqlBool>`${sql.ref(`${table}.labels`)} @> ${wanted}::jsonb`,
    query !== "" && sql<SqlBool>`strpos(lower(${sql.ref(`${table}.name`)}), lower(${query})) > 0`,
  ];
}

/** Returns a filter that combines all given conditions. */
export function filterOf(conditions: (Expression<SqlBool> | false | undefined)[]): PageFilter {
  const all = conditions.filter((condition) => condition !== false && condition !== undefined);
  return { fits: all.length > 0 ? sql<SqlBool>`${sql.join(all, sql` and `)}` : undefined };
}

/** Returns the page size for a requested limit: 50 for 0, at most 200. */
export function pageLimit(limit: number): number {
  if (limit < 0) throw invalidField("limit", "expected 0 or more");
  return limit === 0 ? defaultLimit : Math.min(limit, maxLimit);
}

/** Returns a cursor. It is opaque to clients and contains only a position. The server never takes the account from it. */
export function encodeCursor(id: string, order: "asc" | "desc"): string {
  return Buffer.from(`${order}:${id}`).toString("base64url");
}

/** Returns the position in a cursor. Fails with a violation if `encodeCursor` did not make the cursor for this order. */
export function decodeCursor(cursor: string, order: "asc" | "desc"): string {
  const text = Buffer.from(cursor, "base64url").toString();
  const match = /^(asc|desc):([a-z]{2,4}_[0-9a-z]{26})$/.exec(text);
  const [, made, id] = match ?? [];
  // The decoder skips characters that are not base64url. So the server accepts only text that encodes to the same
  // cursor again.
  if (id === undefined || Buffer.from(text).toString("base64url") !== cursor) {
    throw invalidField("cursor", "expected `pagination.next_cursor` of an earlier page");
  }
  if (made !== order) throw invalidField("cursor", "expected a cursor of the same sort_order");
  return id;
}

/** Parses label selectors such as `env=prod,team=ai`. Fails with a violation of `field` for any other text. */
export function parseLabelSelector(text: string, field = "labels"): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of text.split(",")) {
    const match = /^([A-Za-z0-9][-A-Za-z0-9_./]*)=([-A-Za-z0-9_.]*)$/.exec(part.trim());
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined) {
      throw invalidField(field, "expected `key=value` pairs joined by commas, such as `env=prod,team=ai`");
    }
    if (Object.hasOwn(labels, key) && labels[key] !== value) {
      throw invalidField(field, "expected each key once, with one value");
    }
    labels[key] = value;
  }
  return labels;
}

/** Fails with `ETAG_MISMATCH` if the resource has changed since the client read it. An empty etag always passes. */
export function checkEtag(etag: string, version: number): void {
  if (etag !== "" && etag !== etagOf(version)) {
    throw new DomainError("ETAG_MISMATCH", "the resource has changed since you read it: read it again", {
      etag: etagOf(version),
    });
  }
}

/** Returns the etag of a version. */
export function etagOf(version: number): string {
  return `v${version}`;
}
