import { createServiceValidate } from "../../src/app/routes.ts";
import type { PasswordCost } from "../../src/domain/user/argon2.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { createBoundsOf } from "../../src/rpc/middleware/message-bounds.ts";

/**
 * The lease in tests. The first change of every test file waits until it expires. Every instance of a database must
 * have the same lease.
 */
export const testLeaseMs = 200;

/** The lowest cost that Argon2 accepts, for tests that are not about passwords. */
export const cheapPasswords: PasswordCost = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/** The validation of requests, created once for all apps of a worker. */
export const validate = createServiceValidate();

/** What all apps of a worker share. */
export const prepared = { validate, boundsOf: createBoundsOf(defaultLimits.maxMessageBytes) };
