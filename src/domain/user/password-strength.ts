import type { TranslationKeys } from "@zxcvbn-ts/core";
import { type DomainError, invalidField } from "../kernel/error.ts";
import type { Estimate } from "./password-estimate.ts";

/** Estimates passwords without blocking the event loop. */
export interface Estimator {
  /**
   * Estimates a password. `personal` lists words about the user that make it easier to guess. Callers take turns. Fails
   * with `UNAVAILABLE` if too many calls wait, if the estimate takes too long, or if the estimator fails.
   */
  estimate(caller: string, password: string, personal: readonly string[]): Promise<Estimate>;
}

// An attacker who has the hash of a password with a lower score finds the password within an afternoon.
const minScore = 2;

/** Returns the error for a password that is easily guessed, with a reason. Returns undefined for any other password. */
export function weakness({ score, warning }: Estimate, field: string): DomainError | undefined {
  if (score >= minScore) return undefined;
  const why = reasons[warning as keyof typeof reasons] ?? "a few unrelated words are better";
  return invalidField(field, `expected a password that is harder to guess: ${why}`);
}

// The estimator names its reasons by keys.
const reasons: Record<keyof TranslationKeys["warnings"], string> = {
  straightRow: "a row of the keyboard is easily guessed",
  keyPattern: "a pattern on the keyboard is easily guessed",
  simpleRepeat: 'a repeated character such as "aaa" is easily guessed',
  extendedRepeat: 'a repeated pattern such as "abcabc" is easily guessed',
  sequences: 'a sequence such as "abc" is easily guessed',
  recentYears: "a recent year is easily guessed",
  dates: "a date is easily guessed",
  topTen: "this is one of the ten most used passwords",
  topHundred: "this is one of the hundred most used passwords",
  common: "this is a commonly used password",
  similarToCommon: "this is much like a commonly used password",
  wordByItself: "a single word is easily guessed",
  namesByThemselves: "a name is easily guessed",
  commonNames: "a common name is easily guessed",
  userInputs: "what others know about you is easily guessed",
  pwned: "this password was in a data breach",
};
