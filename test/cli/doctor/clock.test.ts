import fc from "fast-check";
import { expect, test } from "vitest";
import { clockFinding } from "../../../src/cli/doctor/clock.ts";

test("a clock that surely differs by 2 s is a warning, and one that differs by a minute fails", () => {
  const outcome = (ms: number, precisionMs = 0) => clockFinding("database", { ms, precisionMs }).outcome;
  expect([0, 1_999, -1_999].map((ms) => outcome(ms))).toEqual(["ok", "ok", "ok"]);
  expect([2_000, -59_000].map((ms) => outcome(ms))).toEqual(["warning", "warning"]);
  expect([60_000, -3_600_000].map((ms) => outcome(ms))).toEqual(["failed", "failed"]);
  expect(outcome(61_000, 60_000)).toBe("ok");
});

test("a finding names the clock that is behind", () => {
  expect(clockFinding("server", { ms: -5_000, precisionMs: 0 }).what).toBe(
    "the clock of the server is 5.0 s behind that of this machine",
  );
  expect(clockFinding("database", { ms: 90_000, precisionMs: 0 }).what).toBe(
    "the clock of the database is 90.0 s ahead of that of this machine",
  );
});

test("equal clocks are never a problem, however slow the measurement is", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: -1, max: 1, noNaN: true }),
      (half, part) => {
        // The other clock was read at any moment between the request and the response.
        expect(clockFinding("database", { ms: half * part, precisionMs: half }).outcome).toBe("ok");
      },
    ),
  );
});
