import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchTokensRequestSchema } from "../../gen/latchkey/v1/token_service_pb.ts";

type Message = MessageInitShape<typeof WatchTokensRequestSchema>;

/** What a guard sends on its stream. It holds at most one message of each kind, because a later one replaces it. */
export interface Outbox {
  /** Sends a ping. */
  ping(): void;
  /** Acknowledges every invalidation up to this number. */
  acknowledge(number: number): void;
  /** Gives up all grants, and ends the messages. */
  release(): void;
  /** Ends the messages. */
  end(): void;
  messages(): AsyncIterable<Message>;
}

/** Creates an outbox. `nextPing` returns the number of a ping. It is called when the ping leaves. */
export function createOutbox(nextPing: () => number): Outbox {
  let pings = false;
  let applied: number | undefined;
  let releases = false;
  let ended = false;
  let wake = () => {};

  // Acknowledgements come first, because changes wait for them.
  function take(): Message["message"] {
    if (applied !== undefined) {
      const number = applied;
      applied = undefined;
      return { case: "acknowledgement", value: { number } };
    }
    if (!pings) return undefined;
    pings = false;
    return { case: "ping", value: { number: nextPing() } };
  }

  async function* messages(): AsyncGenerator<Message> {
    while (!ended && !releases) {
      const message = take();
      if (message) yield { message };
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    if (releases) yield { message: { case: "release", value: {} } };
  }

  return {
    ping() {
      pings = true;
      wake();
    },
    acknowledge(number) {
      applied = number;
      wake();
    },
    release() {
      releases = true;
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    messages,
  };
}
