import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";

/** How hard a password is to guess: zxcvbn's score from 0 to 4, and the key of its warning where it has one. */
export interface Estimate {
  score: number;
  warning: string;
}

// The cost grows with the square of the length: 128 characters take up to 1.1 s, 64 take up to 0.2 s.
const maxScored = 64;
const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });

/**
 * Estimates the first 64 characters of a password. `personal`: words about the user that make it easier. Takes up to 0.2 s
 * of processor time, and importing this file takes 0.1 s, so only `password-worker.ts` imports it.
 */
export function estimatePassword(password: string, personal: readonly string[]): Estimate {
  const words = personal.map((word) => word.slice(0, maxScored));
  const { score, feedback } = estimator.check(password.slice(0, maxScored), words);
  return { score, warning: feedback.warning ?? "" };
}
