import { leaseMs } from "../src/verify/coherence/lease.ts";
import { type CoherenceParts, productionParts } from "../src/verify/coherence/parts.ts";
import type { Fault, GuardFault } from "./faults.ts";

/** One broken part of the coherence protocol. The chaos run must detect each of them. Otherwise it proves little if it finds no late acceptance. */
export interface Breakage {
  parts: CoherenceParts;
  /** The faults under which the broken part accepts revoked keys. */
  faults: readonly Fault[];
  /** The same for guards. If it is set, the run has guards. */
  guardFaults?: readonly GuardFault[];
}

/** All breakages, by name. Each replaces one part of the protocol. */
export const breakages: Readonly<Record<string, Breakage>> = {
  "revocations return without waiting": {
    parts: { ...productionParts, createAcknowledgements: withoutWaiting },
    faults: ["feedLate"],
  },
  "leases never expire": {
    parts: { ...productionParts, createLease: withEndlessLease },
    faults: ["feedHeld"],
  },
  "heartbeats count although they did not return through the feed": {
    parts: { ...productionParts, createHeartbeats: withoutFeed },
    faults: ["feedHeld"],
  },
  "a revocation waits for no other instance": {
    parts: { ...productionParts, createAcknowledgements: withoutOthers },
    faults: ["feedLate"],
  },
  "a revocation waits for no guard": {
    parts: { ...productionParts, createWatchers: withoutGuards },
    faults: [],
    guardFaults: ["streamLate"],
  },
  "a grant is a fresh lease, and a revocation waits for no guard": {
    parts: { ...productionParts, createWatchers: withFreshGrants },
    faults: ["stop"],
    guardFaults: ["streamHeld"],
  },
};

function withoutGuards(
  ...[deps]: Parameters<CoherenceParts["createWatchers"]>
): ReturnType<CoherenceParts["createWatchers"]> {
  return {
    ...productionParts.createWatchers(deps),
    whenApplied: (_accounts, applied) => applied(),
  };
}

function withFreshGrants(
  ...[deps]: Parameters<CoherenceParts["createWatchers"]>
): ReturnType<CoherenceParts["createWatchers"]> {
  return withoutGuards({
    ...deps,
    held() {
      const lease = deps.held();
      return lease && { ...lease, until: deps.clock.monotonic() + leaseMs };
    },
  });
}

function withoutWaiting(
  ...args: Parameters<CoherenceParts["createAcknowledgements"]>
): ReturnType<CoherenceParts["createAcknowledgements"]> {
  const acknowledgements = productionParts.createAcknowledgements(...args);
  return {
    ...acknowledgements,
    settle(change) {
      acknowledgements.abandon(change);
      return Promise.resolve("acknowledged");
    },
  };
}

function withoutOthers(
  ...[self, ownLeaseMs, clock]: Parameters<CoherenceParts["createAcknowledgements"]>
): ReturnType<CoherenceParts["createAcknowledgements"]> {
  const acknowledgements = productionParts.createAcknowledgements(self, ownLeaseMs, clock);
  return {
    ...acknowledgements,
    seen(instance, leaseMs) {
      if (instance === self) acknowledgements.seen(instance, leaseMs);
    },
  };
}

function withEndlessLease(
  ...[clock, length, onSuspended]: Parameters<CoherenceParts["createLease"]>
): ReturnType<CoherenceParts["createLease"]> {
  return productionParts.createLease(clock, { ...length, leaseMs: Number.POSITIVE_INFINITY }, onSuspended);
}

function withoutFeed(
  ...[deps]: Parameters<CoherenceParts["createHeartbeats"]>
): ReturnType<CoherenceParts["createHeartbeats"]> {
  const heartbeats = productionParts.createHeartbeats(deps);
  let sends = 0;
  return {
    ...heartbeats,
    send() {
      const sending = heartbeats.send();
      sends += 1;
      // Only the number of the heartbeat in flight has an effect. It is at most the number of calls.
      for (let number = 1; number <= sends; number++) heartbeats.received(String(number));
      return sending;
    },
  };
}
