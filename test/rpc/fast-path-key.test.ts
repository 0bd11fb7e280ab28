import { expect, test } from "vitest";
import { evaluationKey } from "../../src/rpc/fast-path.ts";

test("kept evaluations of calls whose headers differ have different keys, also if a header is missing", () => {
  const values = [undefined, "", "null", "undefined", "acct_x", "Bearer lk_live_x"];
  const calls = values.flatMap((authorization) =>
    values.map((account) => ({
      ...(authorization !== undefined && { authorization }),
      ...(account !== undefined && { "latchkey-account": account }),
    })),
  );
  const keys = calls.map((headers) => evaluationKey(new Headers(headers)));
  expect(new Set(keys).size).toBe(calls.length);
});
