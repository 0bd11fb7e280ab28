import { expect } from "vitest";
import type { Ended } from "../server/serve.ts";

/** Checks that a command failed with one line that says why, and without a secret. */
export function expectOneLine({ code, stdout, stderr: all }: Ended, line: RegExp, expected = 1): void {
  expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
  // If the command fails after the start of its log, the log's JSON lines come first.
  const stderr = all.replace(/^\{.*\}\n/gm, "");
  expect(stderr).toMatch(/^latchkey: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect(all).not.toMatch(/passw0rd|\[redacted\]/);
}
