import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type AckOrder, createAckOrder, type Due } from "./ack-order.ts";
import { ackChannel, ackPayload, exactAckPayload } from "./feed-message.ts";

/** Sends acknowledgements: they tell other instances that this one and its guards have applied their changes. */
export interface Acks extends AckOrder {
  stop(): void;
}

/** What is to be sent to one instance. */
interface Batch {
  /** All changes up to this one. */
  upTo?: string;
  exactly: string[];
}

const maxPerMessage = 400;

/** Creates the acknowledgements that the instance `self` sends. */
export function createAcks(db: Db, self: string, onError: (error: unknown) => void): Acks {
  const batches = new Map<string, Batch>();
  let sending = false;
  let stopped = false;

  async function send(): Promise<void> {
    sending = true;
    while (batches.size > 0 && !stopped) {
      // All change markers of one read of the socket share one acknowledgement.
      await new Promise((resolve) => setImmediate(resolve));
      const notify = [...batches].flatMap(([instance, batch]) =>
        payloadsOf(self, batch).map((payload) => sql`pg_notify(${ackChannel(instance)}, ${payload})`),
      );
      batches.clear();
      await sql`select ${sql.join(notify)}`.execute(db).catch(onError);
    }
    sending = false;
  }

  function enqueue(instance: string, due: Due): void {
    const batch = batches.get(instance) ?? { exactly: [] };
    if ("upTo" in due) batch.upTo = due.upTo;
    else batch.exactly.push(due.exactly);
    batches.set(instance, batch);
    if (!sending && !stopped) void send();
  }

  return {
    ...createAckOrder(enqueue),
    stop() {
      stopped = true;
    },
  };
}

function payloadsOf(self: string, { upTo, exactly }: Batch): string[] {
  const payloads = upTo === undefined ? [] : [ackPayload(self, upTo)];
  for (let from = 0; from < exactly.length; from += maxPerMessage)
    payloads.push(exactAckPayload(self, exactly.slice(from, from + maxPerMessage)));
  return payloads;
}
