import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";

/** Tells other instances that this one has applied their changes. */
export interface Acks {
  /** Owes an instance the answer that everything up to this change of it is applied. */
  enqueueAck(instance: string, change: string): void;
  stop(): void;
}

/** The channel on which an instance is answered. */
export function answerChannel(instance: string): string {
  return `latchkey_answer_${instance}`;
}

/** Creates the answers of the instance `self`. Cumulative: the last mark of an instance answers all before it. */
export function createAcks(db: Db, self: string, onError: (error: unknown) => void): Acks {
  const due = new Map<string, string>();
  let answering = false;
  let stopped = false;

  async function answer(): Promise<void> {
    answering = true;
    while (due.size > 0 && !stopped) {
      // All marks of one read of the socket share an answer.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = [...due];
      due.clear();
      const notify = batch.map(
        ([instance, change]) => sql`pg_notify(${answerChannel(instance)}, ${`a ${self} ${change}`})`,
      );
      await sql`select ${sql.join(notify)}`.execute(db).catch(onError);
    }
    answering = false;
  }

  return {
    enqueueAck(instance, change) {
      due.set(instance, change);
      if (!answering && !stopped) void answer();
    },
    stop() {
      stopped = true;
    },
  };
}
