/** Decides which acknowledgements this instance may send. */
export interface AckOrder {
  /**
   * Records that the change marker of another instance was received. Call the returned function once, as soon as the
   * change is applied here.
   */
  received(instance: string, change: string): () => void;
  /**
   * Allows only exact acknowledgements until the returned function is called: a guard may not have applied changes whose
   * markers this instance missed.
   */
  hold(): () => void;
}

/** What is to be sent to one instance. */
export type Due = { upTo: string } | { exactly: string };

interface Received {
  change: string;
  applied: boolean;
}

/**
 * Creates the order of the acknowledgements. One is cumulative if this instance has applied every earlier change of the
 * same instance. Otherwise, it is exact, so that no change waits for the guards of another one.
 */
export function createAckOrder(onDue: (instance: string, due: Due) => void): AckOrder {
  // In the order of the feed. A change leaves when it and all before it are applied.
  const queues = new Map<string, Received[]>();
  let holds = 0;

  // Returns whether an acknowledgement of all changes up to some change is due.
  function advance(instance: string, queue: Received[]): boolean {
    const waiting = queue.findIndex(({ applied }) => !applied);
    const [last] = queue.splice(0, waiting === -1 ? queue.length : waiting).slice(-1);
    if (queue.length === 0) queues.delete(instance);
    if (last) onDue(instance, { upTo: last.change });
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
        if (holds > 0 || !advance(instance, queue)) onDue(instance, { exactly: change });
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
  };
}
