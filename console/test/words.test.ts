import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sentenceOf, unreachable } from "../src/errors.ts";
import { inviteIdOf } from "../src/pages/entry/accept-invite-page.tsx";
import { niceCeiling } from "../src/ui/chart.tsx";
import { relativeTime } from "../src/ui/time.tsx";

const hour = 3_600_000;

test.each([
  [-3 * hour, "3 hours ago"],
  [-24 * hour, "yesterday"],
  [48 * hour, "in 2 days"],
  [-1_000, "just now"],
  [30_000, "in less than a minute"],
])("a time %i ms from now reads %s", (ms, words) => {
  const now = Date.UTC(2026, 10, 22);
  expect(relativeTime(new Date(now + ms), now)).toBe(words);
});

test("the top of a chart is at least its highest value, and at most ten times it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e12 }), (value) => {
      const top = niceCeiling(value);
      expect(top).toBeGreaterThanOrEqual(value);
      expect(top).toBeLessThanOrEqual(value * 10);
    }),
  );
});

test("an invite token names its invite with every prefix, and no other text does", () => {
  const [id, rest] = ["01jd0000000000000000000000", "a".repeat(38)];
  expect(inviteIdOf(` lk_inv_${id}${rest}\n`)).toBe(`inv_${id}`);
  expect(inviteIdOf(`ps-inv-${id}${rest}`)).toBe(`inv_${id}`);
  for (const text of ["", `lk_ses_${id}${rest}`, `lk_inv_${id}${rest}x`, `lk_inv_${id}`]) {
    expect(inviteIdOf(text), text).toBeUndefined();
  }
});

test("an error is the server's sentence, or says that the server cannot be reached", () => {
  expect(sentenceOf(new ConnectError("the key is revoked", Code.FailedPrecondition))).toBe(
    "The key is revoked.",
  );
  expect(sentenceOf(ConnectError.from(new TypeError("Failed to fetch")))).toBe(unreachable);
});
