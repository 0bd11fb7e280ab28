import { describe, expect, test } from "vitest";
import { naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { inviteOf, newEmail, newMember } from "../support/actors/actors.ts";
import { type Clients, password } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);

async function opened(): Promise<{ accountId: string; acting: Clients }> {
  const { account } = await platform().accounts.openAccount({ metadata: { name: "Tenant" } });
  const accountId = account?.metadata?.id ?? "";
  return { accountId, acting: naming(app, app.platformToken, accountId) };
}

interface Token {
  id: string;
  token: string;
}

async function inviteFirst(by: Clients, accountId: string, email = newEmail()): Promise<Token> {
  const { invite } = await by.accounts.inviteFirstOwner({ accountId, email });
  return { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
}

const accept = ({ id, token }: Token) =>
  app.clientAs("").invites.acceptInvite({ id, token, name: "Boss", password });

describe("the invite of a first owner", () => {
  test("is not accepted while its key lacks accounts:manage, and is accepted again when the key has it", async () => {
    const { accountId } = await opened();
    const { token, setRole } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const invite = await inviteFirst(app.clientAs(token), accountId);
    await setRole(["accounts:write"]);
    expect(await refusal(accept(invite))).toMatchObject({
      reason: "PERMISSION_DENIED",
      metadata: { permission: "accounts:manage" },
    });
    await setRole(["accounts:manage"]);
    expect(await outcome(accept(invite))).toBe("ok");
  });

  test("by OpenAccount needs only accounts:write", async () => {
    const { token, setRole } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const { invite } = await app
      .clientAs(token)
      .accounts.openAccount({ metadata: { name: "Tenant" }, ownerEmail: newEmail() });
    await setRole(["accounts:write"]);
    const made = { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
    expect(await outcome(accept(made))).toBe("ok");
  });

  test("is not accepted after its key got an end", async () => {
    const { accountId } = await opened();
    const { id, token } = await newPlatformServiceKey(app, ["accounts:manage"]);
    const invite = await inviteFirst(app.clientAs(token), accountId);
    const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600), nanos: 0 };
    await platform().apiKeys.updateApiKey({ id, spec: { expiresAt } });
    expect(await outcome(accept(invite))).toBe("PERMISSION_DENIED");
  });
});

describe("the invite of an owner", () => {
  test("is revoked by the platform with accounts:manage, and not by an admin or a key of the account", async () => {
    const { accountId, acting } = await opened();
    const admin = await newMember(app, acting, "admin");
    const { id } = await inviteFirst(platform(), accountId);
    const held = ["accounts:act", "invites:manage"];
    const { token, setRole } = await newPlatformServiceKey(app, held);
    const other = naming(app, token, accountId);
    for (const caller of [admin, other]) {
      expect(await refusal(caller.invites.revokeInvite({ id }))).toMatchObject({
        reason: "PERMISSION_DENIED",
        message: "only owners make, change and remove owners",
      });
    }
    await setRole([...held, "accounts:manage"]);
    await other.invites.revokeInvite({ id });
    expect(await outcome(admin.invites.revokeInvite({ id }))).toBe("PERMISSION_DENIED");
  });

  test("is revoked by an owner, and not by an admin", async () => {
    const owner = await app.newAccount();
    const admin = await newMember(app, owner, "admin");
    const { id } = await inviteOf(owner, { email: newEmail(), role: "owner" });
    expect(await outcome(admin.invites.revokeInvite({ id }))).toBe("PERMISSION_DENIED");
    await owner.invites.revokeInvite({ id });
  });

  test("in the platform account is revoked by a key of the platform", async () => {
    const person = await newMember(app, platform(), "admin");
    const { principal } = await platform().profiles.whoAmI({});
    const accountId = principal?.accountId ?? "";
    const owner = await app.db
      .selectFrom("role")
      .select("id")
      .where("account_id", "=", accountId)
      .where("builtin", "=", "owner")
      .executeTakeFirstOrThrow();
    await app.db
      .updateTable("membership")
      .set({ role_id: owner.id })
      .where("profile_id", "=", person.profileId)
      .execute();
    const { id } = await inviteOf(person, { email: newEmail(), role: "owner" });
    await platform().invites.revokeInvite({ id });
  });
});

describe("InviteFirstOwner", () => {
  test("ends a pending invite of the same address that gives less, and records that", async () => {
    const { accountId, acting } = await opened();
    const admin = await newMember(app, acting, "admin");
    const email = newEmail();
    const lesser = await inviteOf(admin, { email, role: "viewer" });
    const bystander = await inviteOf(admin, { email: newEmail(), role: "viewer" });
    const invite = await inviteFirst(platform(), accountId, email);
    expect(await outcome(accept(lesser))).toBe("ALREADY_USED");
    const { items } = await acting.audit.listAuditEvents({ resourceId: lesser.id });
    expect(items[0]).toMatchObject({
      method: "latchkey.v1.AccountService/InviteFirstOwner",
      via: "platform",
      resourceType: "invite",
      before: { workspace_ids: [] },
    });
    expect(items[0]?.after).toBeUndefined();
    expect(await outcome(accept(invite))).toBe("ok");
    expect(await outcome(accept(bystander))).toBe("ok");
  });

  test("fails if the address accepts the lesser invite at the same time, or ends that invite", async () => {
    const { accountId, acting } = await opened();
    const email = newEmail();
    const lesser = await inviteOf(acting, { email, role: "viewer" });
    const [first, accepted] = await Promise.all([
      outcome(inviteFirst(platform(), accountId, email)),
      outcome(accept(lesser)),
    ]);
    expect([
      ["ok", "ALREADY_USED"],
      ["ALREADY_EXISTS", "ok"],
    ]).toContainEqual([first, accepted]);
  });

  test("reads pending invites before members, as CreateInvite does, so that an invite accepted between the two is not missed", async () => {
    const { accountId, acting } = await opened();
    const calls = [
      () => inviteFirst(platform(), accountId, newEmail()),
      () => inviteOf(acting, { email: newEmail(), role: "viewer" }),
    ];
    for (const call of calls) {
      const statements = await app.statementsOf(call);
      const place = (read: RegExp) => statements.findIndex((statement) => read.test(statement));
      const pending = place(/count\(\*\)::int as total, min\(id\)/);
      expect(pending).toBeGreaterThan(-1);
      expect(place(/from "membership" inner join "user"/)).toBeGreaterThan(pending);
    }
  });

  test("fails if the address belongs to a member", async () => {
    const { accountId, acting } = await opened();
    const email = newEmail();
    await accept(await inviteOf(acting, { email, role: "viewer" }));
    expect(await refusal(inviteFirst(platform(), accountId, email))).toMatchObject({
      reason: "ALREADY_EXISTS",
      message: "this person is a member already",
    });
  });
});
