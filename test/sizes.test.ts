import { expect, test } from "vitest";
import { filesIn, textOf } from "./support/imports.ts";

const folders = ["src", "test", "bench", "chaos", "attack", "openapi", "console", "examples"];
const handWritten = folders.flatMap(filesIn).filter((file) => !/(^|\/)(gen|dist)\//.test(file));
const mostLines = 250;

/** Counts every line: Biome's rule counts a text or a comment of many lines as one. */
const linesOf = (file: string) => textOf(file).trimEnd().split("\n").length;

test("a hand-written file has at most 250 lines, blank lines, comments and long texts included", () => {
  expect(handWritten.length).toBeGreaterThan(1_000);
  const larger = handWritten.map((file) => [file, linesOf(file)] as const).filter(([, n]) => n > mostLines);
  expect(larger, "a file holds one subject: move the second one to a file of its own").toEqual([]);
});
