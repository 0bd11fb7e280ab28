import { expect, inject, test } from "vitest";
import { long } from "../support/long.ts";
import { runOrphanedPrimary } from "../support/orphan/run.ts";
import { copySite } from "../support/server/data-directory.ts";

test("an instance that keeps its sessions to the old primary accepts no key after its revocation returned", async () => {
  const size = { keys: 40, checks: long ? 500 : 200, maxSeconds: 30 };
  const seen = await runOrphanedPrimary({ ...inject("programs"), ...size, makeSite: copySite });
  expect(seen).toMatchObject({ late: 0, revoked: 40, recovered: true });
  // Only checks while sessions to the old primary were open prove something.
  expect(seen.onOrphan).toBeGreaterThan(0);
});
