import { createWaiters } from "../verify/coherence/waiters.ts";
import { type Rejection, rejectionOf } from "./errors.ts";
import type { GuardEvent, GuardState } from "./types.ts";
import { createWatchStatus } from "./watch-status.ts";
import { openWatchStream, type WatchStream, type WatchStreamDeps } from "./watch-stream.ts";

/** Keeps a stream to the server open: opens it again when it ends. */
export interface Watch {
  state(): GuardState["stream"];
  /** Records that the server rejected the guard's own bearer in a call. */
  rejected(rejection: Rejection): void;
  /** Resolves with true when the guard has a grant, or with false after `timeoutMs`. */
  ready(timeoutMs: number): Promise<boolean>;
  /** Gives up all grants and ends the stream for good. */
  close(): Promise<void>;
}

/** What a watch depends on. */
export interface WatchDeps extends Omit<WatchStreamDeps, "onGrant"> {
  onEvent(event: GuardEvent): void;
}

const firstDelayMs = 100;
const longestDelayMs = 5_000;

/** Opens a stream and keeps it open. */
export function startWatch(deps: WatchDeps): Watch {
  const { coherence } = deps;
  const status = createWatchStatus(deps.onEvent);
  const waiters = createWaiters();
  let failures = 0;
  let stream: WatchStream | undefined;
  let timer: NodeJS.Timeout | undefined;

  function open(): void {
    const mine = openWatchStream({ ...deps, onGrant });
    stream = mine;
    mine.ended.then(
      () => onEnded(mine),
      (error) => onEnded(mine, error),
    );
  }

  function onGrant(leftMs: number): void {
    if (leftMs > 0) failures = 0;
    if (status.answered(leftMs > 0)) waiters.wake();
  }

  function onEnded(which: WatchStream, error?: unknown): void {
    if (which !== stream || status.state() === "closed") return;
    coherence.lost();
    status.lost(rejectionOf(error));
    // All guards of a server that stopped come back at different times.
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures) * (0.5 + Math.random() / 2);
    failures += 1;
    timer = setTimeout(open, delayMs);
  }

  open();
  return {
    state: status.state,
    rejected(rejection) {
      // A stream that was opened after an earlier rejection decides by itself.
      if (status.state() === "rejected" || status.state() === "closed") return;
      coherence.lost();
      status.lost(rejection);
      stream?.abort();
    },
    async ready(timeoutMs) {
      if (!status.isConnected() && status.state() !== "closed") await waiters.wait(timeoutMs);
      return status.isConnected();
    },
    async close() {
      if (status.state() === "closed") return;
      status.close();
      clearTimeout(timer);
      coherence.lost();
      waiters.wake();
      await stream?.release();
    },
  };
}
