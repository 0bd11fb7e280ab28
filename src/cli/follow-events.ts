import { setTimeout as delay } from "node:timers/promises";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { AuditEvent } from "../../gen/latchkey/v1/audit_event_pb.ts";
import type { LatchkeyClient } from "../client/client.ts";
import { eventLine } from "./audit-columns.ts";
import type { Context } from "./context.ts";
import { exitCodeOf, exitCodes } from "./failure.ts";
import { jsonText, visible } from "./text.ts";

type Filter = Omit<Parameters<LatchkeyClient["audit"]["listAuditEvents"]>[0], "$typeName">;

const pollMs = 1_000;
const retryMs = 5_000;
const pageSize = 200;
// Signals about keys are written within 10 seconds after their time. Events of this time before the newest one may still come.
const lateSeconds = 15n;

/** Where to begin: with events from a time on, or with the newest ones. */
export interface FollowStart {
  since: Timestamp | undefined;
  /** The number of events to show first, if there is no time. */
  newest: number;
}

/** Writes events as they come, oldest first, until Ctrl-C. A server that is away for a while ends nothing. */
export async function followEvents(context: Context, filter: Filter, start: FollowStart): Promise<void> {
  const { signal } = context.interruption();
  const { audit } = await context.client();
  const { jsonOf } = await import("./message-json.ts");
  const shown = new Map<string, bigint>();
  let from = start.since;
  let isFirst = true;
  let isAway = false;

  function write(event: AuditEvent, names: Record<string, string>): void {
    const { format, line } = context.out;
    if (format === "json") line(jsonText(JSON.parse(jsonOf(event))));
    else line(format === "ids" ? visible(event.id) : eventLine(event, names));
  }

  async function poll(): Promise<void> {
    const limit = isFirst && from === undefined ? start.newest : Number.POSITIVE_INFINITY;
    const { items, names } = await readNewest(audit, { ...filter, ...(from && { startTime: from }) }, limit);
    for (const event of items.reverse()) {
      if (!shown.has(event.id)) write(event, names);
      shown.set(event.id, event.createdAt?.seconds ?? 0n);
    }
    isFirst = false;
    const newest = [...shown.values()].reduce((a, b) => (a > b ? a : b), 0n);
    if (newest === 0n) return;
    const horizon = newest - lateSeconds;
    if (from === undefined || from.seconds < horizon)
      from = { $typeName: "google.protobuf.Timestamp", seconds: horizon, nanos: 0 };
    for (const [id, seconds] of shown) if (seconds < horizon) shown.delete(id);
  }

  while (!signal.aborted && !context.out.isClosed()) {
    try {
      await poll();
      isAway = false;
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst || exitCodeOf(error) !== exitCodes.unreachable) throw error;
      if (!isAway) context.out.note(`${error instanceof Error ? error.message : error}; trying again`);
      isAway = true;
    }
    await delay(isAway ? retryMs : pollMs, undefined, { signal }).catch(() => {});
  }
}

/** Reads the newest events of a filter, newest first, and the names that they mention. */
async function readNewest(audit: LatchkeyClient["audit"], filter: Filter, limit: number) {
  const items: AuditEvent[] = [];
  const names: Record<string, string> = {};
  for (let cursor = ""; ; ) {
    const page = await audit.listAuditEvents({
      ...filter,
      limit: Math.min(pageSize, limit - items.length),
      cursor,
    });
    for (const item of page.items) items.push(item);
    Object.assign(names, page.names);
    cursor = page.pagination?.nextCursor ?? "";
    // Without a time, the list goes back to the first event of the account.
    if (cursor === "" || items.length >= limit || filter.startTime === undefined) return { items, names };
  }
}
