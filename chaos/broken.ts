import type { Edit } from "../bench/altered.ts";
import type { Fault } from "./faults.ts";

/** A way to break the protocol: a harness that sees nothing late proves little unless it sees these. */
export interface Breakage extends Edit {
  /** Under which it shows. */
  faults: Fault[];
}

/** Each takes one part of the protocol away. */
export const breakages: Record<string, Breakage> = {
  "revocations return without waiting": {
    file: "src/verify/coherence/coherence.ts",
    from: "settle: (timeLeftMs) => settle(change, timeLeftMs),",
    to: "settle: () => Promise.resolve(acknowledgements.abandon(change)),",
    faults: ["feedLate"],
  },
  "leases do not end": {
    file: "src/verify/coherence/lease.ts",
    from: "until = sentAt + leaseMs;",
    to: "until = Number.POSITIVE_INFINITY;",
    faults: ["feedHeld"],
  },
  "beats count that did not come back through the feed": {
    file: "src/verify/coherence/heartbeats.ts",
    from: "if (!received || databaseTime === undefined) return;",
    to: "if (databaseTime === undefined) return;",
    faults: ["feedHeld"],
  },
  "only oneself is waited for": {
    file: "src/verify/coherence/acknowledge.ts",
    from: "return knowsAllInstances && position <= applied ?",
    to: "return position !== undefined ?",
    faults: ["feedLate"],
  },
};
