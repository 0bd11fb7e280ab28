import type { Option } from "./definition.ts";
import { failureOf, usageError } from "./failure.ts";
import type { Output } from "./output.ts";

/** The options of every list. */
export const listOptions = {
  limit: { value: "NUMBER", summary: "show at most this many (50)" },
  all: { summary: "show all" },
  sort: {
    value: "ORDER",
    choices: ["asc", "desc"],
    summary: "order by creation time; desc, the newest first, is the default",
  },
} as const satisfies Record<string, Option>;

/** A page of a list, as the server sends it. */
interface Page<T> {
  items: T[];
  pagination?: { nextCursor: string } | undefined;
}

const pageSize = 200;
const byDefault = 50;
// A page may be empty because its items were removed a moment ago.
const emptyPages = 100;

/**
 * Reads as many pages as the options want. Returns the last response with the items of all of them, so that `--json` has the same
 * form for every number of pages.
 */
export async function readPages<T, P extends Page<T>>(
  out: Output,
  { limit, all }: { limit: string | undefined; all: boolean },
  read: (page: { limit: number; cursor: string }) => Promise<P>,
): Promise<P> {
  const wanted = all ? Number.POSITIVE_INFINITY : limit === undefined ? byDefault : countOf(limit);
  const items: T[] = [];
  let cursor = "";
  let empty = 0;
  for (;;) {
    const page = await read({ limit: Math.min(pageSize, wanted - items.length), cursor });
    for (const item of page.items) items.push(item);
    cursor = page.pagination?.nextCursor ?? "";
    empty = page.items.length === 0 ? empty + 1 : 0;
    if (empty > emptyPages) throw failureOf("the server sends empty pages without an end");
    if (cursor !== "" && items.length < wanted) continue;
    if (cursor !== "" && out.format === "text") out.noteAtEnd("there are more: add --all, or --limit NUMBER");
    page.items = items;
    return page;
  }
}

/** Returns the number that `--limit` names. */
export function countOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usageError("--limit: expected a whole number of at least 1");
  return Number(text);
}
