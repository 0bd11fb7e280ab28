import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { ackChannel, ackPayload } from "./feed-message.ts";

/** Sends acknowledgements: they tell other instances that this one has applied their changes. */
export interface Acks {
  /** Enqueues the acknowledgement of this change of `instance`, and of all changes of that instance before it. */
  enqueueAck(instance: string, change: string): void;
  stop(): void;
}

/**
 * Creates the acknowledgements that the instance `self` sends. They are cumulative: the acknowledgement of an instance's
 * last change marker covers all earlier ones.
 */
export function createAcks(db: Db, self: string, onError: (error: unknown) => void): Acks {
  const due = new Map<string, string>();
  let sending = false;
  let stopped = false;

  async function send(): Promise<void> {
    sending = true;
    while (due.size > 0 && !stopped) {
      // All change markers of one read of the socket share one acknowledgement.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = [...due];
      due.clear();
      const notify = batch.map(
        ([instance, change]) => sql`pg_notify(${ackChannel(instance)}, ${ackPayload(self, change)})`,
      );
      await sql`select ${sql.join(notify)}`.execute(db).catch(onError);
    }
    sending = false;
  }

  return {
    enqueueAck(instance, change) {
      due.set(instance, change);
      if (!sending && !stopped) void send();
    },
    stop() {
      stopped = true;
    },
  };
}
