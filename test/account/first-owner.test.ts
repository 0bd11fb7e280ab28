import { describe, expect, test } from "vitest";
import { accountIdOf, naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { newEmail, newMember } from "../support/actors/actors.ts";
import { systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { type Clients, issueKey, password } from "../support/app.ts";
import { lockBarrier } from "../support/database/lock-barrier.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);

/** Opens an account without an owner. Returns its id, and the clients of the platform key that acts for it. */
async function opened(): Promise<{ accountId: string; acting: Clients }> {
  const { account, invite } = await platform().accounts.openAccount({ metadata: { name: "Tenant" } });
  expect(invite).toBeUndefined();
  const accountId = account?.metadata?.id ?? "";
  return { accountId, acting: naming(app, app.platformToken, accountId) };
}

async function inviteFirst(accountId: string, email = newEmail()) {
  const { invite } = await platform().accounts.inviteFirstOwner({ accountId, email });
  return { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
}

const accept = (invite: { id: string; token: string }) =>
  app.clientAs("").invites.acceptInvite({ ...invite, name: "Boss", password });

describe("InviteFirstOwner", () => {
  test("gives an account without an owner its first one, who is an owner like any other", async () => {
    const { accountId } = await opened();
    const { token } = await accept(await inviteFirst(accountId));
    const boss = app.clientAs(token);
    await boss.invites.createInvite({ email: newEmail(), role: "owner" });
    const { items } = await boss.audit.listAuditEvents({ resourceType: "invite", sortOrder: "asc" });
    expect(items[0]).toMatchObject({
      via: "platform",
      method: "latchkey.v1.AccountService/InviteFirstOwner",
    });
    await boss.accounts.deleteAccount({ name: "Tenant" });
  });

  test("fails while the invite of an owner is pending, and works again when it was revoked", async () => {
    const { accountId, acting } = await opened();
    const { id } = await inviteFirst(accountId);
    expect(await refusal(inviteFirst(accountId))).toMatchObject({
      reason: "ALREADY_EXISTS",
      metadata: { id },
    });
    await acting.invites.revokeInvite({ id });
    await accept(await inviteFirst(accountId));
  });

  test("fails once the account has an owner, and for the platform account", async () => {
    const owned = accountIdOf(await app.newAccount());
    const { principal } = await platform().profiles.whoAmI({});
    for (const accountId of [owned, principal?.accountId ?? ""]) {
      expect(await refusal(inviteFirst(accountId))).toMatchObject({
        code: "FailedPrecondition",
        reason: "WRONG_STATE",
        metadata: { account_id: accountId },
      });
    }
  });

  test("makes one invite if two calls come at the same time", async () => {
    const { accountId } = await opened();
    const start = () => Promise.allSettled([inviteFirst(accountId), inviteFirst(accountId)]);
    const both = await lockBarrier(app.db, "invite", 2, start);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("makes no invite of another role, and no other call invites an owner there", async () => {
    const { accountId, acting } = await opened();
    await acting.invites.createInvite({ email: newEmail(), role: "admin" });
    const owner = acting.invites.createInvite({ email: newEmail(), role: "owner" });
    expect(await refusal(owner)).toMatchObject({ reason: "PERMISSION_DENIED" });
    const admin = await newMember(app, acting, "admin");
    const promoted = acting.profiles.setProfileRole({ id: admin.profileId, role: "owner" });
    expect(await refusal(promoted)).toMatchObject({ reason: "PERMISSION_DENIED" });
    await accept(await inviteFirst(accountId));
  });
});

describe("the system key of an account", () => {
  const rotate = async (acting: Clients, accountId: string) => {
    const { apiKey } = await acting.apiKeys.rotateApiKey({ id: await systemKeyOf(app, accountId) });
    return apiKey?.spec?.token ?? "";
  };

  test("can be rotated, disabled and enabled by the platform until there is an owner", async () => {
    const { accountId, acting } = await opened();
    const id = await systemKeyOf(app, accountId);
    const token = await rotate(acting, accountId);
    expect(await verdictOf(app, token)).toBe("VALID");
    await acting.apiKeys.disableApiKey({ id });
    expect(await verdictOf(app, token)).toBe("DISABLED");
    await acting.apiKeys.enableApiKey({ id });
    const invite = await inviteFirst(accountId);
    await rotate(acting, accountId);
    await accept(invite);
    for (const call of [
      () => rotate(acting, accountId),
      () => acting.apiKeys.disableApiKey({ id }),
      () => acting.apiKeys.enableApiKey({ id }),
    ]) {
      expect(await refusal(call())).toMatchObject({ reason: "SYSTEM_KEY" });
    }
  });

  test("is rotated by the platform without a grace period, so that no earlier token outlives accounts:manage", async () => {
    const { accountId, acting } = await opened();
    const id = await systemKeyOf(app, accountId);
    const token = await rotate(acting, accountId);
    const refused = await refusal(acting.apiKeys.rotateApiKey({ id, gracePeriod: { seconds: 60n } }));
    expect(refused).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field: "grace_period", description: expect.stringContaining("has no owner") }],
    });
    expect(await verdictOf(app, token)).toBe("VALID");
    await rotate(acting, accountId);
    expect(await verdictOf(app, token)).toBe("REVOKED");
  });

  test("needs accounts:manage, even for a platform key that holds everything else", async () => {
    const { accountId } = await opened();
    const held = ["accounts:act", "accounts:write", "api_keys:manage", "*:manage"];
    const { token, setRole } = await newPlatformServiceKey(app, held);
    const acting = naming(app, token, accountId);
    expect(await refusal(rotate(acting, accountId))).toMatchObject({ reason: "SYSTEM_KEY" });
    await setRole([...held, "accounts:manage"]);
    const system = app.clientAs(await rotate(acting, accountId));
    await issueKey(system, { spec: { permissions: ["*"] } });
  });

  test("is not rotated with a token that a rotation has superseded", async () => {
    const { accountId } = await opened();
    const { id, token } = await newPlatformServiceKey(app, ["*"]);
    await platform().apiKeys.rotateApiKey({ id, gracePeriod: { seconds: 3_600n, nanos: 0 } });
    const refused = await refusal(rotate(naming(app, token, accountId), accountId));
    expect(refused).toMatchObject({ reason: "PERMISSION_DENIED" });
  });
});
