import type { PasswordCost } from "../../src/domain/password.ts";

/** The lease in tests: a first change of every test file waits it out. Every instance of a database must have the same. */
export const testLeaseMs = 200;

/** The least that argon2 accepts, for tests whose subject is not the password. */
export const cheapPasswords: PasswordCost = { memoryCost: 8, timeCost: 1, parallelism: 1 };
