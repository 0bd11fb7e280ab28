import { createAcknowledgements } from "./acknowledge.ts";
import { createHeartbeats } from "./heartbeats.ts";
import { createLease } from "./lease.ts";
import { createWatchers } from "./watchers.ts";

/** The parts of the coherence protocol that a fault test can replace, to prove that it notices a broken part. */
export interface CoherenceParts {
  createAcknowledgements: typeof createAcknowledgements;
  createHeartbeats: typeof createHeartbeats;
  createLease: typeof createLease;
  createWatchers: typeof createWatchers;
}

/** The parts that every server uses unless a fault test replaces them. */
export const productionParts: CoherenceParts = {
  createAcknowledgements,
  createHeartbeats,
  createLease,
  createWatchers,
};
