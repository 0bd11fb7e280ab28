import type { Clock } from "./clock.ts";

/** Sends the heartbeats of an instance at regular intervals, and detects a feed that lags. */
export interface HeartbeatTimer {
  /** Restarts the measurement of lag: the feed is being opened, or a heartbeat came back through it. */
  restart(): void;
  stop(): void;
}

/** What the timer depends on. */
export interface HeartbeatTimerDeps {
  clock: Clock;
  leaseMs: number;
  /** Returns whether the feed is open. The timer does nothing while it is not. */
  isOpen(): boolean;
  sendHeartbeat(): void;
  /** Called if no heartbeat came back for two leases. */
  onLag(): void;
}

const heartbeatsPerLease = 4;
const leasesUntilLag = 2;

/** Starts the timer. */
export function startHeartbeatTimer(deps: HeartbeatTimerDeps): HeartbeatTimer {
  const { clock, leaseMs, isOpen, sendHeartbeat, onLag } = deps;
  let lastAt = clock.monotonic();
  const timer = setInterval(() => {
    if (!isOpen()) return;
    // A connection that lags is closed, because what it shows is old.
    if (clock.monotonic() - lastAt > leasesUntilLag * leaseMs) onLag();
    else sendHeartbeat();
  }, leaseMs / heartbeatsPerLease);
  return {
    restart() {
      lastAt = clock.monotonic();
    },
    stop: () => clearInterval(timer),
  };
}
