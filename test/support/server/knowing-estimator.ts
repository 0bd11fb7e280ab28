// Replaces src/app/password-estimator.ts in bundled programs. For the password of the tests it starts no thread, which would
// cost 0.2 s of CPU time in each server.
import {
  createEstimator as createRealEstimator,
  type EstimatorDeps,
} from "../../../src/app/password-estimator.ts";
import { knowingPassword } from "../known-password.ts";

/** Creates the estimator of a server. It knows the password of the tests, and its thread estimates every other one. */
export function createEstimator(deps: EstimatorDeps): ReturnType<typeof createRealEstimator> {
  const real = createRealEstimator(deps);
  return { ...knowingPassword(real), close: real.close };
}
