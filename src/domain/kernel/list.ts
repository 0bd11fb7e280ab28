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

const defaultLimit = 50;
const maxLimit = 200;
const newestFirst = "desc";

/** Runs a query for one page in keyset order of `column`, an id: ids are in the order of creation. */
export async function page<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  input: PageInput,
  idOf: (row: O) => string,
): Promise<Page<O>> {
  const order = orderOf(input);
  return pageOf(await paged(query, column, input, order).execute(), input, order, idOf);
}

/**
 * The same for what belongs to something: `parent` selects that, and `query` the rest by `column`, which it shows
 * as `id`. One statement. Undefined: there is no such parent.
 */
export async function pageWithin<DB, TB extends keyof DB, O extends { id: string }>(
  db: Db,
  parent: RawBuilder<unknown>,
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  input: PageInput,
): Promise<Page<O> | undefined> {
  const order = orderOf(input);
  const { rows } = await sql<O | { id: null }>`
    select child.* from (${parent}) parent
    left join lateral (${paged(query, column, input, order)}) child on true
    order by child.id ${sql.raw(order)}`.execute(db);
  if (rows.length === 0) return undefined;
  // A parent without children is one row without values.
  const children = rows.filter((row): row is O => row.id !== null);
  return pageOf(children, input, order, (row) => row.id);
}

function paged<DB, TB extends keyof DB, O>(
  query: SelectQueryBuilder<DB, TB, O>,
  column: string,
  input: PageInput,
  order: Order,
) {
  const id = sql.ref<string>(column);
  const page = query.orderBy(id, order).limit(pageLimit(input.limit) + 1);
  if (input.cursor === "") return page;
  const after = decodeCursor(input.cursor, order);
  return page.where(order === "asc" ? sql<SqlBool>`${id} > ${after}` : sql<SqlBool>`${id} < ${after}`);
}

function pageOf<O>(rows: O[], input: PageInput, order: Order, idOf: (row: O) => string): Page<O> {
  const limit = pageLimit(input.limit);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(idOf(last), order) : "";
  return { items, nextCursor };
}

type Order = "asc" | "desc";

function orderOf(input: PageInput): Order {
  return input.sortOrder === "asc" ? "asc" : newestFirst;
}

/** The conditions of a list on `table`, which has `id`, `name` and `labels`. */
export function listFilter(
  table: string,
  input: Pick<ListInput, "labels" | "prefix" | "query">,
): Expression<SqlBool> {
  const conditions = [sql<SqlBool>`true`];
  if (input.labels !== "") {
    const labels = JSON.stringify(parseLabelSelector(input.labels));
    conditions.push(sql<SqlBool>`${sql.ref(`${table}.labels`)} @> ${labels}::jsonb`);
  }
  if (input.prefix !== "")
    conditions.push(sql<SqlBool>`starts_with(${sql.ref(`${table}.id`)}, ${input.prefix})`);
  if (input.query !== "") {
    conditions.push(sql<SqlBool>`strpos(lower(${sql.ref(`${table}.name`)}), lower(${input.query})) > 0`);
  }
  return sql<SqlBool>`${sql.join(conditions, sql` and `)}`;
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
