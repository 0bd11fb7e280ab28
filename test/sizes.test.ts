import { parseSync } from "vite";
import { expect, test } from "vitest";
import { filesIn, textOf } from "./support/imports.ts";

// Biome has rules for both sizes, but counts a text or a comment of many lines as one, and not every blank line.
const mostLines = 250;
const mostLinesOfFunction = 60;

const folders = ["src", "test", "bench", "chaos", "attack", "openapi", "console", "examples"];
const handWritten = folders.flatMap(filesIn).filter((file) => !/(^|\/)(gen|dist)\//.test(file));
const linesOf = (text: string) => text.trimEnd().split("\n").length;

test("a hand-written file has at most 250 lines, blank lines, comments and long texts included", () => {
  expect(handWritten.length).toBeGreaterThan(1_000);
  const larger = handWritten
    .map((file) => ({ file, lines: linesOf(textOf(file)) }))
    .filter(({ lines }) => lines > mostLines);
  expect(larger, "a file holds one subject: move the second one to a file of its own").toEqual([]);
});

test("a function has at most 60 lines between its braces, unless a comment says why it has more", () => {
  // Migrations are SQL, and never edited.
  const files = handWritten.filter((file) => !file.includes("/migrations/"));
  const help =
    "name the parts of the function, or write `// Over 60 lines: ` with the reason directly above the function";
  expect(files.flatMap(largeFunctions), help).toEqual([]);
});

test("the count of lines finds a function with one line too many", () => {
  const text = (lines: number) => `const f = () => {\n${"// line\n".repeat(lines)}};\n`;
  expect(largeFunctionsIn("a.ts", text(60))).toEqual([]);
  expect(largeFunctionsIn("a.ts", text(61))).toEqual(["a.ts:1 has 61 lines"]);
  expect(largeFunctionsIn("a.ts", `// Over 60 lines: a table.\n${text(61)}`)).toEqual([]);
  expect(largeFunctionsIn("a.ts", `describe("tests", () => {\n${text(61)}});\n`)).toEqual([
    "a.ts:2 has 61 lines",
  ]);
});

// The lines of a long function are indented or empty, or a text of many lines is among them. Other files need no parser.
const longBlock = new RegExp(`(\\n([ })\\]].*)?){${mostLinesOfFunction}}`);
const isLongText = (quoted: string) => quoted.includes("\n");

function largeFunctions(file: string): string[] {
  const text = textOf(file);
  const mayBeLarge = longBlock.test(text) || text.match(/`[^`]*`/g)?.some(isLongText);
  return mayBeLarge ? largeFunctionsIn(file, text) : [];
}

/** Returns the functions of a text that are too long. The callback of `describe` may have any length, because it only groups tests. */
function largeFunctionsIn(file: string, text: string): string[] {
  const newlines = (from: number, to: number) => text.slice(from, to).split("\n").length - 1;
  const found: string[] = [];
  function visit(node: unknown, called: string): void {
    if (Array.isArray(node)) for (const one of node) visit(one, called);
    // A shorter node contains no function that is too long.
    if (!isNode(node) || newlines(node.start, node.end) <= mostLinesOfFunction) return;
    const { body } = node;
    if (/^(Arrow)?Function/.test(node.type) && isNode(body) && !called.startsWith("describe")) {
      const lines = newlines(body.start, body.end) - 1;
      const before = text.slice(0, node.start).split("\n");
      const isExplained = /^\s*\/\/ (Over 60 lines: |biome-ignore .*LinesPerFunction: )/.test(
        before.at(-2) ?? "",
      );
      if (lines > mostLinesOfFunction && !isExplained)
        found.push(`${file}:${before.length} has ${lines} lines`);
    }
    const callee = node.type === "CallExpression" && isNode(node.callee) ? node.callee : undefined;
    for (const part of Object.values(node)) visit(part, callee ? text.slice(callee.start, callee.end) : "");
  }
  visit(parseSync(file, text).program, "");
  return found;
}

interface Node {
  type: string;
  start: number;
  end: number;
  body?: unknown;
  callee?: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
