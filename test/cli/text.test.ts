import fc from "fast-check";
import { expect, test } from "vitest";
import { grid } from "../../src/cli/grid.ts";
import { cut, visible, widthOf } from "../../src/cli/text.ts";
import { anyCharacter } from "../support/random.ts";

const text = fc.string({ unit: anyCharacter, maxLength: 40 });

test("a visible text has no character that moves the cursor or changes the direction", () => {
  fc.assert(
    fc.property(text, (one) => {
      expect(visible(one)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
  expect(visible("a\u001b[31mb\n")).toBe("a\\x1b[31mb\\x0a");
});

test("a cut text is never wider than its column, and a text that fits stays whole", () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 30 }), (one, width) => {
      const shown = cut(visible(one), width);
      expect(widthOf(shown)).toBeLessThanOrEqual(width);
      if (widthOf(visible(one)) <= width) expect(shown).toBe(visible(one));
    }),
  );
});

test("each line of a table fits the terminal if the ids leave room, and ids are never cut", () => {
  const row = fc.tuple(fc.stringMatching(/^[a-z]{1,12}$/), text, text);
  fc.assert(
    fc.property(fc.array(row, { maxLength: 6 }), fc.integer({ min: 40, max: 120 }), (rows, width) => {
      const columns = [0, 1, 2].map((n) => ({ title: "abc", value: (one: string[]) => one[n] ?? "" }));
      const lines = grid(columns, rows, width);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      for (const [index, [id]] of rows.entries()) expect(lines[index + 1]?.startsWith(id)).toBe(true);
    }),
  );
});
