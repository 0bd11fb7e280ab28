import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { withStatements } from "../../db/statement-scope.ts";
import type { Clock } from "./clock.ts";
import { feedChannel, heartbeatPayload } from "./feed-message.ts";

/** The heartbeats of one instance. Each proves that the feed is alive, and that it shows what loads see. */
export interface Heartbeats {
  /** Sends a heartbeat, unless one is in flight. */
  send(): Promise<void>;
  /** Records that a heartbeat of this instance came back through the feed. */
  received(number: string): void;
  /** Discards the heartbeat in flight, because the feed was lost or opened again. */
  reset(): void;
}

/** What heartbeats depend on. */
export interface HeartbeatsDeps {
  /** The pool that loads use. */
  db: Db;
  clock: Clock;
  /** The name of this instance. */
  self: string;
  /** The length of this instance's lease, in milliseconds. Each heartbeat carries it. */
  ownLeaseMs: number;
  /** Returns when the server of the feed started, or undefined while there is no feed. */
  server(): string | undefined;
  /** Called when the heartbeat sent at `sentAt` came back. The database's clock showed `databaseTime` in between. */
  onConfirmed(sentAt: number, databaseTime: number): void;
  /** Called when the pool leads to another server than the feed, or to a standby. */
  onWrongServer(): void;
  onError(error: unknown): void;
}

// A heartbeat that takes longer gives no lease.
const limitMs = 1_000;

interface Sent {
  number: number;
  sentAt: number;
  received: boolean;
  databaseTime?: number;
}

/** Creates the heartbeats of an instance. */
export function createHeartbeats(deps: HeartbeatsDeps): Heartbeats {
  const { db, clock, self, ownLeaseMs, server, onConfirmed, onWrongServer, onError } = deps;
  let last = 0;
  let sent: Sent | undefined;

  // A heartbeat counts when it came back through the feed and its statement returned the database's time.
  function confirm({ sentAt, received, databaseTime }: Sent): void {
    if (!received || databaseTime === undefined) return;
    sent = undefined;
    onConfirmed(sentAt, databaseTime);
  }

  return {
    async send() {
      const expected = server();
      // Only one heartbeat is in flight, because a second one would wait behind a first one that hangs.
      if (expected === undefined || sent) return;
      last += 1;
      const mine: Sent = { number: last, sentAt: clock.monotonic(), received: false };
      sent = mine;
      try {
        const row = await emit(db, heartbeatPayload(self, mine.number, ownLeaseMs));
        if (sent !== mine || !row) return;
        if (row.recovering || row.start !== expected) onWrongServer();
        else {
          mine.databaseTime = row.time.getTime();
          confirm(mine);
        }
      } catch (error) {
        if (sent === mine) sent = undefined;
        onError(error);
      }
    },
    received(number) {
      if (!sent || number !== String(sent.number)) return;
      sent.received = true;
      confirm(sent);
    },
    reset() {
      sent = undefined;
    },
  };
}

// The logical message makes the commit write WAL, so a primary that has lost its synchronous standby cannot confirm a
// heartbeat either.
async function emit(db: Db, payload: string) {
  const { rows } = await withStatements({ limitMs }, () =>
    sql<{ time: Date; start: string; recovering: boolean }>`
      select clock_timestamp() as time, pg_postmaster_start_time()::text as start,
        pg_is_in_recovery() as recovering, pg_notify(${feedChannel}, ${payload}),
        pg_logical_emit_message(true, 'latchkey', '')`.execute(db),
  );
  return rows[0];
}
