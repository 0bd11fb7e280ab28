import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { withStatements } from "../../db/statement-scope.ts";
import type { Clock } from "./clock.ts";

/** The beats of one instance: each proves that the feed is alive, and that it is the feed of what loads see. */
export interface Heartbeats {
  /** Sends one, unless one is under way. */
  send(): Promise<void>;
  /** A beat of this instance came back through the feed. */
  received(number: string): void;
  /** The feed was lost or opened anew: what is under way counts no more. */
  reset(): void;
}

/** What beats depend on. */
export interface HeartbeatsDeps {
  /** The pool that loads use. */
  db: Db;
  clock: Clock;
  channel: string;
  /** The words of a beat with this number. */
  words(number: number): string;
  /** When the server started that the feed comes from; undefined while there is no feed. */
  server(): string | undefined;
  /** A beat, sent then, came back, and the database's clock said this in between. */
  onConfirmed(sentAt: number, databaseTime: number): void;
  /** The pool leads to another server than the feed, or to a standby. */
  onWrongServer(): void;
  onError(error: unknown): void;
}

// A beat that takes longer gives no lease.
const limitMs = 1_000;

interface Sent {
  number: number;
  sentAt: number;
  received: boolean;
  databaseTime?: number;
}

/** Creates the beats of an instance. */
export function createHeartbeats({
  db,
  clock,
  channel,
  words,
  server,
  onConfirmed,
  onWrongServer,
  onError,
}: HeartbeatsDeps): Heartbeats {
  let last = 0;
  let sent: Sent | undefined;

  // A beat counts when it came back through the feed and the pool told what the database's clock said.
  function confirm({ sentAt, received, databaseTime }: Sent): void {
    if (!received || databaseTime === undefined) return;
    sent = undefined;
    onConfirmed(sentAt, databaseTime);
  }

  // The message makes the commit write WAL: a primary that has lost its standby cannot confirm a beat either.
  const emit = (payload: string) =>
    sql<{ time: Date; start: string; recovering: boolean }>`
      select clock_timestamp() as time, pg_postmaster_start_time()::text as start,
        pg_is_in_recovery() as recovering, pg_notify(${channel}, ${payload}),
        pg_logical_emit_message(true, 'latchkey', '')`.execute(db);

  return {
    async send() {
      const expected = server();
      // Never a second beat behind a stuck one.
      if (expected === undefined || sent) return;
      last += 1;
      const mine: Sent = { number: last, sentAt: clock.monotonic(), received: false };
      sent = mine;
      try {
        const { rows } = await withStatements({ limitMs }, () => emit(words(mine.number)));
        const [row] = rows;
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
