import fc from "fast-check";
import { afterAll, expect, inject } from "vitest";
import { long } from "./long.ts";

/**
 * Returns the number of runs of a random search: `inShort` in `npm test`, and `longer` times as many in `npm run test:long`.
 * A search of slow runs takes a smaller factor, so that no file takes more than three minutes.
 */
export function runs(inShort: number, longer = 20): number {
  return long ? inShort * longer : inShort;
}

/**
 * Returns a part of the rows of an exhaustive test: `inShort` of them in `npm test`, by the seed of the run and in their
 * order, and all of them in `npm run test:long`. Different runs choose different rows. `salt`: several samples of one
 * run with different salts choose different rows.
 */
export function sampled<T>(rows: readonly T[], inShort: number, salt = 0): readonly T[] {
  if (long || rows.length <= inShort) return rows;
  const [chosen = rows] = fc.sample(fc.subarray([...rows], { minLength: inShort, maxLength: inShort }), {
    seed: inject("seed") + salt,
    numRuns: 1,
  });
  return chosen;
}

/**
 * Any character of Unicode, as the `unit` of a string. It replaces the unit "binary" of fast-check, which takes 0.6 s to build in
 * each worker.
 */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

// This file is loaded before every test file. All searches of a run have one seed, which is printed so that a run can
// be repeated.
const settings = { seed: inject("seed"), numRuns: runs(100) };
fc.configureGlobal(settings);
afterAll(() =>
  expect(fc.readConfigureGlobal(), "this file must not change the settings of fast-check").toEqual(settings),
);
