import fc from "fast-check";
import { inject } from "vitest";
import { long } from "./long.ts";

const longer = 20;

/** How many runs a random search makes that makes so many in `npm test`. */
export function runs(inShort: number): number {
  return long ? inShort * longer : inShort;
}

// Loaded before every test file: all searches of a run have one seed, which is printed, and repeat with it.
fc.configureGlobal({ seed: inject("seed"), numRuns: runs(100) });
