import { expect, test } from "vitest";
import { accountIdOf, naming, newPlatformServiceKey, useTenant } from "../support/actors/acting.ts";
import { newName } from "../support/actors/actors.ts";
import { expectDeniedBy, mint, rateLimits } from "../support/actors/limited.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tenant = useTenant(app);

/** Issues a key of the platform account with all that these tests need, and gives it a limit. */
async function newLimitedPlatformKey() {
  const key = await newPlatformServiceKey(app, ["accounts:*", "api_keys:*", "*:*"]);
  await app.clientAs(app.platformToken).apiKeys.updateApiKey({ id: key.id, spec: { rateLimits } });
  return key;
}

test("a platform key with limits makes nothing in a tenant for which it acts", async () => {
  const key = await newLimitedPlatformKey();
  const acting = naming(app, key.token, tenant.accountId);
  const spec = { permissions: ["agents:read"] };
  const { id } = await mint(app, tenant.owner, spec);
  await expectDeniedBy(key.id, [
    () => acting.apiKeys.createApiKey({ metadata: { name: newName() }, spec }),
    () => acting.apiKeys.rotateApiKey({ id }),
  ]);
  await acting.apiKeys.revokeApiKey({ id });
});

test("a platform key with limits tightens accounts, and widens none", async () => {
  const key = await newLimitedPlatformKey();
  const { accounts } = app.clientAs(key.token);
  const accountId = accountIdOf(await app.newAccount());
  await accounts.setRateLimits({ accountId, rateLimits });
  await accounts.suspendAccount({ accountId });
  await expectDeniedBy(key.id, [
    () => accounts.setRateLimits({ accountId }),
    () => accounts.setEntitlements({ accountId, entitlements: ["realtime"] }),
    () => accounts.resumeAccount({ accountId }),
    () => accounts.openAccount({ metadata: { name: newName() }, ownerEmail: "first@example.com" }),
  ]);
  const { account } = await accounts.openAccount({ metadata: { name: newName() } });
  expect(account?.info?.rateLimits).toEqual([]);
});
