import { type Expression, type RawBuilder, type SelectQueryBuilder, type SqlBool, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { DomainError, invalidField } from "./error.ts";

/** Which page of a list: as the request says it, unchecked. */
export interface PageInput {
  limit: number;
  cursor: string;
  sortOrder: string;
}

/** Which resources of a list. Empty strings do not filter. */
export interface ListInput extends PageInput {
  labels: string;
  prefix: string;
  query: string;
}

/** One page, and the cursor of the next; empty on the last. */
export interface Page<T> {
  items: T[];
  nextCursor: string;
}

/** Which rows of a list fit, where no index knows. */
export interface PageFilter {
  fits: Expression<SqlBool> | undefined;
  /** Rows that one page examines at most. */
  maxExamined?: number;
}

type Order = "asc" | "desc";
type Position = PageInput & { prefix?: string };

const defaultLimit = 50;
const maxLimit = 200;
const newestFirst = "desc";
// Some 10 ms. A page that reaches it has fewer items, and the next page continues behind the last row that was examined.
const maxExaminedRows = 10_000;
// Higher than every character of an id.
const highest = "\x7f";

/**
 * Runs a query for one page in keyset order of `column`, which it shows as `id`: ids are in the order of creation. An index
 * must serve the conditions of the query in this order. All others are in the filter: then one page examines a bounded
 * number of rows, and may have fewer items than the limit although there are more. One statement.
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
  // No rows if there are none: then the connection checks that the server is still the primary.
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
  /** The last row that the page may examine; null if there are fewer. */
  last_examined: string | null;
}

function notBehind(id: RawBuilder<string>, order: Order) {
  return order === "asc"
    ? sql<SqlBool>`${id} <= coalesce(examined.last, ${highest})`
    : sql<SqlBool>`${id} >= coalesce(examined.last, '')`;
}

/**
 * The same for what belongs to something, and is bounded: `parent` selects that, and `query` the rest. One statement.
 * Undefined: there is no such parent.
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
  // A parent without children is one row without values.
  return pageOf(rows.filter(isRow), input, order);
}

function isRow<O extends { id: string }>(row: O | { id: null }): row is O {
  return row.id !== null;
}

function paged<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  { cursor, prefix = "" }: Position,
  order: Order,
) {
  const id = sql.ref<string>(column);
  let ordered = query.orderBy(id, order);
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

/** The filter of a list on `table`, which has `name` and `labels`. */
export function listFilter(
  table: string,
  { labels, query }: Pick<ListInput, "labels" | "query">,
  further?: Expression<SqlBool>,
): PageFilter {
  const wanted = labels !== "" && JSON.stringify(parseLabelSelector(labels));
  return filterOf([
    wanted !== false && sql<SqlBool>`${sql.ref(`${table}.labels`)} @> ${wanted}::jsonb`,
    query !== "" && sql<SqlBool>`strpos(lower(${sql.ref(`${table}.name`)}), lower(${query})) > 0`,
    further,
  ]);
}

/** A filter of all of these conditions, if there are any. */
export function filterOf(conditions: (Expression<SqlBool> | false | undefined)[]): PageFilter {
  const all = conditions.filter((condition) => condition !== false && condition !== undefined);
  return { fits: all.length > 0 ? sql<SqlBool>`${sql.join(all, sql` and `)}` : undefined };
}

/** The page size for a requested limit: 50 for 0, at most 200. */
export function pageLimit(limit: number): number {
  if (limit < 0) throw invalidField("limit", "expected 0 or more");
  return limit === 0 ? defaultLimit : Math.min(limit, maxLimit);
}

/** A cursor: opaque to clients, and only a position; the account is never taken from it. */
export function encodeCursor(id: string, order: "asc" | "desc"): string {
  return Buffer.from(`${order}:${id}`).toString("base64url");
}

/** The position in a cursor. Refuses what was not made by `encodeCursor` for this order. */
export function decodeCursor(cursor: string, order: "asc" | "desc"): string {
  const text = Buffer.from(cursor, "base64url").toString();
  const match = /^(asc|desc):([a-z]{2,4}_[0-9a-z]{26})$/.exec(text);
  const [, made, id] = match ?? [];
  // Decoding skips what is not base64url: only what encodes back to the very same text was made here.
  if (id === undefined || Buffer.from(text).toString("base64url") !== cursor) {
    throw invalidField("cursor", "expected `pagination.next_cursor` of an earlier page");
  }
  if (made !== order) throw invalidField("cursor", "expected a cursor of the same sort_order");
  return id;
}

/** Parses `env=prod,team=ai`. Refuses anything else, naming the field that it came in. */
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

/** Refuses an update of something that has changed since the client saw it. An empty etag asks for nothing. */
export function checkEtag(etag: string, version: number): void {
  if (etag !== "" && etag !== etagOf(version)) {
    throw new DomainError("ETAG_MISMATCH", "the resource has changed since you read it: read it again", {
      etag: etagOf(version),
    });
  }
}

/** The etag of a version. */
export function etagOf(version: number): string {
  return `v${version}`;
}
