import type { Estimator } from "../../src/domain/user/password-strength.ts";

/** The password of every user in tests that are not about passwords. */
export const password = "correct horse battery staple";

/** Returns an estimator that knows this password, and passes every other one to `other`. */
export function knowingPassword(other: Estimator): Estimator {
  return {
    async estimate(caller, candidate, personal) {
      if (candidate === password) return { score: 4, warning: "" };
      return other.estimate(caller, candidate, personal);
    },
  };
}
