import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { TokenService, type WatchTokensResponse } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { GuardCoherence } from "./coherence.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { Connection } from "./transport.ts";

/** What the stream of a guard depends on. */
export interface WatchStreamDeps {
  connection: Connection;
  coherence: Omit<GuardCoherence, "time" | "isCurrent">;
  /** Called with every answer to a ping, after it took effect. It shows that the server accepts the guard's bearer. */
  onGrant(leftMs: number): void;
  /** Called with how often the guard reports its usage, if the server says so. */
  onUsageInterval(seconds: number): void;
}

/** One stream of a guard. */
export interface WatchStream {
  /** Resolves when the server has ended the stream, and rejects if it failed. */
  ended: Promise<void>;
  /** Gives up all grants and ends the stream. */
  release(): Promise<void>;
  /** Breaks the stream and its connection. */
  abort(): void;
}

/** The longest silence of a stream, in milliseconds. The guard sends pings, so a stream that is silent for longer is broken. */
const silentMs = 2_000;
const releaseMs = 500;
const slowestPingMs = 250;
const fastestPingMs = 20;
// A guard asks several times per lease, so that it does not lose its lease if one answer is late.
const pingsPerLease = 5;

/** Opens a stream to the server. */
export function openWatchStream(deps: WatchStreamDeps): WatchStream {
  const { connection, coherence } = deps;
  const abort = new AbortController();
  const outbox = createOutbox(coherence.ping);
  const pings = startPings(outbox.ping, () => breakOff());
  const ended = follow().finally(() => {
    pings.stop();
    outbox.end();
  });

  function breakOff(): void {
    abort.abort();
    connection.abort();
  }

  async function follow(): Promise<void> {
    const { watchTokens } = createClient(TokenService, connection.transport);
    const options = { headers: connection.headers, signal: abort.signal };
    for await (const response of watchTokens(outbox.messages(), options)) {
      // What was in flight when the stream was aborted proves nothing.
      if (abort.signal.aborted) return;
      pings.heard();
      const leftMs = receive(response, deps, outbox);
      if (leftMs === undefined) continue;
      pings.granted(leftMs);
      deps.onGrant(leftMs);
    }
  }

  return {
    ended,
    async release() {
      pings.stop();
      outbox.release();
      const timer = setTimeout(breakOff, releaseMs);
      await ended.catch(() => undefined);
      clearTimeout(timer);
    },
    abort: breakOff,
  };
}

// Handles a message in the order of the stream. Returns what was left of the server's lease if it is a grant.
function receive(
  { message }: WatchTokensResponse,
  { coherence, onUsageInterval }: WatchStreamDeps,
  outbox: Outbox,
): number | undefined {
  if (message.case === "invalidation") {
    const { number, tags } = message.value;
    coherence.invalidated(tags);
    outbox.acknowledge(number);
  }
  if (message.case !== "grant") return undefined;
  const { number, left, databaseTime, database, usageIntervalSeconds } = message.value;
  if (usageIntervalSeconds > 0) onUsageInterval(usageIntervalSeconds);
  const leftMs = left && databaseTime ? durationMs(left) : 0;
  const time = databaseTime ? timestampMs(databaseTime) : 0;
  coherence.granted({ number, leftMs, databaseTime: time, database });
  return leftMs;
}

// Sends pings, and reports a silent stream. It counts its own ticks, so that a process that was stopped for a while
// does not treat its stream as broken.
function startPings(ping: () => void, onSilent: () => void) {
  let intervalMs = slowestPingMs;
  let quietMs = 0;
  let timer: NodeJS.Timeout;

  function tick(): void {
    ping();
    timer = setTimeout(tick, intervalMs);
    quietMs += intervalMs;
    if (quietMs > silentMs) onSilent();
  }

  ping();
  timer = setTimeout(tick, intervalMs);
  return {
    heard() {
      quietMs = 0;
    },
    granted(leftMs: number) {
      const wanted = leftMs > 0 ? leftMs / pingsPerLease : fastestPingMs * pingsPerLease;
      intervalMs = Math.min(slowestPingMs, Math.max(fastestPingMs, wanted));
    },
    stop: () => clearTimeout(timer),
  };
}
