import { expect, onTestFinished, test } from "vitest";
import { followChanges } from "../../src/db/connect.ts";
import { bootstrap, type PlatformTokens, rotatePlatformToken } from "../../src/domain/account/bootstrap.ts";
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

test("a bootstrap and a rotation of the platform token each write their event", async () => {
  const { db, drop } = await createTestDatabase("migrated");
  onTestFinished(drop);
  const store = unserved(db);
  let token = "";
  const onMinted = ({ platform }: PlatformTokens) => {
    token = platform;
  };
  await bootstrap(store, mint, { verifier: true, onMinted });
  await rotatePlatformToken(store, mint, onMinted);
  const key = await db
    .selectFrom("api_key")
    .select(["id", "account_id", "created_by"])
    .where("system", "=", true)
    .executeTakeFirstOrThrow();
  const hint = expect.stringMatching(`…${token.slice(-4)}$`);
  const actor = { account_id: key.account_id, profile_id: key.created_by, key_id: "", outcome: "done" };
  expect(await db.selectFrom("audit_event").selectAll().orderBy("id").execute()).toMatchObject([
    { ...actor, method: "bootstrap", resource_id: key.account_id, after: { platform: true } },
    { ...actor, method: "bootstrap", resource_id: key.id, after: { hint, grace_seconds: 0 } },
  ]);
});
