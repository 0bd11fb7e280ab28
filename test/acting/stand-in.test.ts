import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { newEmail } from "../support/actors/actors.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { issueKey, password } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

// A platform key that stands in for the owner of an account gives permissions that it does not hold. It gives no
// environment and no lifetime that it does not hold, and it gives nothing with a superseded token.

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);
const hour = { seconds: 3_600n, nanos: 0 };
const permissions = ["accounts:act", "accounts:manage", "api_keys:manage"];

async function opened(): Promise<string> {
  const { account } = await platform().accounts.openAccount({ metadata: { name: "Tenant" } });
  return account?.metadata?.id ?? "";
}

async function disabledSystemKey(accountId: string): Promise<void> {
  const id = await systemKeyOf(app, accountId);
  await naming(app, app.platformToken, accountId).apiKeys.disableApiKey({ id });
}

/** The calls that give lasting `*` in an account without an owner. */
const gives: [name: string, call: (token: string) => Promise<unknown>][] = [
  [
    "InviteFirstOwner",
    async (token) => {
      const accountId = await opened();
      return app.clientAs(token).accounts.inviteFirstOwner({ accountId, email: newEmail() });
    },
  ],
  [
    "RotateApiKey of the system key",
    async (token) => {
      const accountId = await opened();
      const id = await systemKeyOf(app, accountId);
      return naming(app, token, accountId).apiKeys.rotateApiKey({ id });
    },
  ],
  [
    "EnableApiKey of the system key",
    async (token) => {
      const accountId = await opened();
      await disabledSystemKey(accountId);
      const id = await systemKeyOf(app, accountId);
      return naming(app, token, accountId).apiKeys.enableApiKey({ id });
    },
  ],
];

async function serviceKey(): Promise<{ id: string; token: string }> {
  return newPlatformServiceKey(app, permissions);
}

describe.each(gives)("%s", (_name, call) => {
  test("works with a service key that lacks the permissions that it gives", async () => {
    expect(await outcome(call((await serviceKey()).token))).toBe("ok");
  });

  test("fails with a superseded token", async () => {
    const { id, token } = await serviceKey();
    await platform().apiKeys.rotateApiKey({ id, gracePeriod: hour });
    expect(await refusal(call(token))).toMatchObject({
      reason: "PERMISSION_DENIED",
      message: expect.stringContaining("superseded"),
    });
  });

  test("fails with a key of one environment", async () => {
    const { token } = await issueKey(platform(), { spec: { environment: Environment.TEST, permissions } });
    expect(await refusal(call(token))).toMatchObject({
      reason: "ENVIRONMENT_MISMATCH",
      metadata: { environment: "test" },
    });
  });

  test("fails with a key that expires", async () => {
    const { id, token } = await serviceKey();
    const expiresAt = timestampFromDate(new Date(Date.now() + 3_600_000));
    await platform().apiKeys.updateApiKey({ id, spec: { expiresAt } });
    expect(await refusal(call(token))).toMatchObject({
      reason: "PERMISSION_DENIED",
      message: expect.stringContaining("expires"),
    });
  });
});

describe("a superseded token of the platform", () => {
  async function superseded() {
    const { id, token } = await serviceKey();
    await platform().apiKeys.rotateApiKey({ id, gracePeriod: hour });
    return app.clientAs(token).accounts;
  }

  test("cannot resume an account, but can suspend one", async () => {
    const accounts = await superseded();
    const accountId = await opened();
    await accounts.suspendAccount({ accountId });
    const refused = await refusal(accounts.resumeAccount({ accountId }));
    expect(refused).toMatchObject({ message: expect.stringContaining("superseded") });
    await platform().accounts.resumeAccount({ accountId });
    expect(await outcome(accounts.resumeAccount({ accountId }))).toBe("ok");
  });

  test("cannot add an entitlement to an account, but can remove one", async () => {
    const accounts = await superseded();
    const accountId = await opened();
    await platform().accounts.setEntitlements({ accountId, entitlements: ["a", "b"] });
    const refused = await refusal(accounts.setEntitlements({ accountId, entitlements: ["a", "c"] }));
    expect(refused).toMatchObject({ message: expect.stringContaining("superseded") });
    const { account } = await accounts.setEntitlements({ accountId, entitlements: ["a"] });
    expect(account?.info?.entitlements).toEqual(["a"]);
  });

  test("opens an account only without an owner and entitlements", async () => {
    const accounts = await superseded();
    const metadata = { name: "Tenant" };
    for (const more of [{ entitlements: ["a"] }, { ownerEmail: newEmail() }]) {
      const refused = await refusal(accounts.openAccount({ metadata, ...more }));
      expect(refused).toMatchObject({ message: expect.stringContaining("superseded") });
    }
    expect(await outcome(accounts.openAccount({ metadata }))).toBe("ok");
  });
});

test("a platform key of one environment opens an account with an owner, because a new account holds nothing", async () => {
  const { token } = await issueKey(platform(), { spec: { permissions: ["accounts:write"] } });
  const email = newEmail();
  const opening = app.clientAs(token).accounts.openAccount({ metadata: { name: "New" }, ownerEmail: email });
  const { invite } = await opening;
  const accepted = app.clientAs("").invites.acceptInvite({
    id: invite?.metadata?.id ?? "",
    token: invite?.spec?.token ?? "",
    name: "Owner",
    password,
  });
  expect(await outcome(accepted)).toBe("ok");
});

test("a platform key of one environment resumes an account, whose credentials stay as they were", async () => {
  const accountId = await opened();
  const { token } = await issueKey(platform(), { spec: { environment: Environment.TEST, permissions } });
  const { accounts } = app.clientAs(token);
  await accounts.suspendAccount({ accountId });
  expect(await outcome(accounts.resumeAccount({ accountId }))).toBe("ok");
});
