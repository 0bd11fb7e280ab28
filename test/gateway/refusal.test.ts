import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { refusalStatus } from "../../src/rpc/gateway/refusal-status.ts";

test("every error is refused with 401, 403, 429 or 503, and 429 can be 403", () => {
  const statuses = Object.values(Code).filter((code): code is Code => typeof code === "number");
  for (const code of statuses) {
    expect([401, 403, 429, 503]).toContain(refusalStatus({ code }, false));
    expect([401, 403, 503]).toContain(refusalStatus({ code }, true));
  }
  expect(refusalStatus({ code: Code.Unavailable }, true)).toBe(503);
  expect(refusalStatus({ code: Code.Internal }, false)).toBe(503);
});
