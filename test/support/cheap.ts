import { createServiceValidate } from "../../src/app/routes.ts";
import type { PasswordCost } from "../../src/domain/user/password.ts";
import type { Estimator } from "../../src/domain/user/password-strength.ts";

/** The lease in tests: a first change of every test file waits it out. Every instance of a database must have the same. */
export const testLeaseMs = 200;

/** The least that argon2 accepts, for tests whose subject is not the password. */
export const cheapPasswords: PasswordCost = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/** The check of requests, created once for all apps of a worker. */
export const validate = createServiceValidate();

/** The password of everybody whose password is not the subject of a test. */
export const password = "correct horse battery staple";

/** An estimator that knows that password, and asks another one about every other. */
export function knowingPassword(other: Estimator): Estimator {
  return {
    async estimate(caller, asked, personal) {
      return asked === password ? { score: 4, warning: "" } : other.estimate(caller, asked, personal);
    },
  };
}
