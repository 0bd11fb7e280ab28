import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { ackChannel, ackPayload, exactAckPayload } from "./feed-message.ts";

/** Sends acknowledgements: they tell other instances that this one and its guards have applied their changes. */
export interface Acks {
  /**
   * Records that the change marker of another instance was received. Call the returned function once, as soon as the
   * change is applied here.
   */
  received(instance: string, change: string): () => void;
  /**
   * Sends only exact acknowledgements until the returned function is called: a guard may not have applied changes whose
   * markers this instance missed.
   */
  hold(): () => void;
  stop(): void;
}

interface Received {
  change: string;
  applied: boolean;
}

/** What is to be sent to one instance. */
interface Due {
  /** All changes up to this one. */
  upTo?: string;
  single: string[];
}

const maxPerMessage = 400;

/**
 * Creates the acknowledgements that the instance `self` sends. An acknowledgement is cumulative if this instance has applied
 * every earlier change of the same instance. Otherwise, it is exact, so that no change waits for the guards of another one.
 */
export function createAcks(db: Db, self: string, onError: (error: unknown) => void): Acks {
  // In the order of the feed. A change leaves when it and all before it are applied.
  const queues = new Map<string, Received[]>();
  const due = new Map<string, Due>();
  let holds = 0;
  let sending = false;
  let stopped = false;

  async function send(): Promise<void> {
    sending = true;
    while (due.size > 0 && !stopped) {
      // All change markers of one read of the socket share one acknowledgement.
      await new Promise((resolve) => setImmediate(resolve));
      const notify = [...due].flatMap(([instance, one]) =>
        payloadsOf(self, one).map((payload) => sql`pg_notify(${ackChannel(instance)}, ${payload})`),
      );
      due.clear();
      await sql`select ${sql.join(notify)}`.execute(db).catch(onError);
    }
    sending = false;
  }

  function enqueue(instance: string, change: { upTo: string } | { single: string }): void {
    const one = due.get(instance) ?? { single: [] };
    if ("upTo" in change) one.upTo = change.upTo;
    else one.single.push(change.single);
    due.set(instance, one);
    if (!sending && !stopped) void send();
  }

  // Returns whether the first change of the queue was applied, and so an acknowledgement of all up to some change is due.
  function advance(instance: string, queue: Received[]): boolean {
    const waiting = queue.findIndex(({ applied }) => !applied);
    const [last] = queue.splice(0, waiting === -1 ? queue.length : waiting).slice(-1);
    if (queue.length === 0) queues.delete(instance);
    if (last) enqueue(instance, { upTo: last.change });
    return last !== undefined;
  }

  return {
    received(instance, change) {
      const one = { change, applied: false };
      const queue = queues.get(instance) ?? [];
      queue.push(one);
      queues.set(instance, queue);
      return () => {
        one.applied = true;
        if (holds > 0 || !advance(instance, queue)) enqueue(instance, { single: change });
      };
    },
    hold() {
      holds += 1;
      return () => {
        holds -= 1;
        if (holds > 0) return;
        for (const [instance, queue] of [...queues]) advance(instance, queue);
      };
    },
    stop() {
      stopped = true;
    },
  };
}

function payloadsOf(self: string, { upTo, single }: Due): string[] {
  const payloads = upTo === undefined ? [] : [ackPayload(self, upTo)];
  for (let from = 0; from < single.length; from += maxPerMessage)
    payloads.push(exactAckPayload(self, single.slice(from, from + maxPerMessage)));
  return payloads;
}
