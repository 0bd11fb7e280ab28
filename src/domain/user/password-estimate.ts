import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";

/** How hard a password is to guess: the score of zxcvbn from 0 to 4, and the key of its warning if it has one. */
export interface Estimate {
  score: number;
  warning: string;
}

// The cost grows with the square of the length: up to 1.1 s for 128 characters, up to 0.2 s for 64.
const maxScored = 64;
const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });

/**
 * Estimates the first 64 characters of a password. `personal` lists words about the user that make it easier to guess.
 * Takes up to 0.2 s of processor time. Importing this file takes 0.1 s, so only `password-worker.ts` imports it.
 */
export function estimatePassword(password: string, personal: readonly string[]): Estimate {
  const words = personal.map((word) => word.slice(0, maxScored));
  const { score, feedback } = estimator.check(password.slice(0, maxScored), words);
  return { score, warning: feedback.warning ?? "" };
}
