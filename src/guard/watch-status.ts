import type { Rejection } from "./errors.ts";
import type { GuardEvent, GuardState } from "./types.ts";

/** The state of a guard's connection. It reports each change once. */
export interface WatchStatus {
  state(): GuardState["stream"];
  /** Returns whether the guard has had a grant on the present stream. */
  isConnected(): boolean;
  /** Records that the server answered a ping, so it accepts the guard's bearer. Returns whether this is the first grant of the stream. */
  answered(hasGrant: boolean): boolean;
  /** Records that the stream ended. */
  lost(rejection: Rejection | undefined): void;
  close(): void;
}

/** Creates the state of a connection that is not yet established. */
export function createWatchStatus(onEvent: (event: GuardEvent) => void): WatchStatus {
  let state: GuardState["stream"] = "connecting";
  let connected = false;

  // An error in the code of the service must not end the stream.
  function report(event: GuardEvent): void {
    try {
      onEvent(event);
    } catch {}
  }

  return {
    state: () => state,
    isConnected: () => connected,
    answered(hasGrant) {
      if (state === "closed") return false;
      state = "open";
      const isFirst = hasGrant && !connected;
      connected ||= hasGrant;
      if (isFirst) report({ type: "connected", message: "the guard answers from its cache" });
      return isFirst;
    },
    lost(rejection) {
      if (state === "closed") return;
      const wasConnected = connected;
      connected = false;
      if (!rejection) {
        if (state !== "rejected") state = "connecting";
        if (wasConnected) {
          report({ type: "disconnected", message: "the guard asks the server for each verification" });
        }
      } else if (state !== "rejected") {
        state = "rejected";
        const message = `Latchkey rejects the guard's own bearer: ${rejection.message}`;
        report({ type: "rejected", reason: rejection.reason, message });
      }
    },
    close() {
      state = "closed";
      connected = false;
    },
  };
}
