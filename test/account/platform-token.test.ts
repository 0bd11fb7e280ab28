import { expect, onTestFinished, test } from "vitest";
import { followChanges } from "../../src/db/connect.ts";
import { bootstrap, rotatePlatformToken } from "../../src/domain/account/bootstrap.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { createTestDatabase } from "../support/database/database.ts";
import { unserved } from "../support/database/store.ts";

const mint = mintToken.bind(undefined, "lk");

test("a rotation of the platform token returns only when it is effective at every instance", async () => {
  const database = await createTestDatabase("migrated");
  onTestFinished(database.drop);
  await bootstrap(unserved(database.db), mint, { verifier: false, onMinted() {} });
  const waiting = Promise.withResolvers<void>();
  const effective = Promise.withResolvers<void>();
  const store = followChanges(database.db, {
    begin: () => ({
      changeMarker: "m 000000000000000000 1",
      concerns: () => "i @*",
      settle() {
        waiting.resolve();
        return effective.promise;
      },
      abandon() {},
    }),
    patienceMs: () => 0,
  });
  let hasReturned = false;
  const rotating = rotatePlatformToken(store, mint, () => {}).then(() => {
    hasReturned = true;
  });
  await Promise.race([waiting.promise, rotating]);
  expect(hasReturned).toBe(false);
  effective.resolve();
  await rotating;
});
