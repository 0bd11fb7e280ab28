import fc from "fast-check";
import { inject } from "vitest";
import { long } from "./long.ts";

const longer = 20;

/** Returns the number of runs of a random search. `inShort` is the number in `npm test`. */
export function runs(inShort: number): number {
  return long ? inShort * longer : inShort;
}

// This file is loaded before every test file. All searches of a run have one seed, which is printed so that a run can
// be repeated.
fc.configureGlobal({ seed: inject("seed"), numRuns: runs(100) });
