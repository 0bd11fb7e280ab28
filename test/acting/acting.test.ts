import { describe, expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { accountIdOf, denied, naming, newActing, useTenant } from "../support/actors/acting.ts";
import { newEmail, newMember } from "../support/actors/actors.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);
const tenant = useTenant(app);

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a platform key with accounts:act", () => {
  test("acts in the account with its own list minus platform permissions, as the system profile", async () => {
    const acting = await newActing(app, tenant.accountId, "accounts:write", "api_keys:write", "agents:read");
    const { principal, profile } = await acting.profiles.whoAmI({});
    expect(profile?.spec?.type).toBe(ProfileType.SYSTEM);
    expect(principal).toMatchObject({
      accountId: tenant.accountId,
      keyId: acting.keyId,
      permissions: ["agents:read", "api_keys:write"],
      workspaceScope: WorkspaceScope.ALL,
      userId: "",
    });
  });

  test("that holds api_keys:write issues keys there and can do nothing else", async () => {
    const acting = await newActing(app, tenant.accountId, "api_keys:write", "agents:read");
    const key = await issueKey(acting, { spec: { permissions: ["agents:read"] } });
    const { principal } = await app.clientAs(key.token).profiles.whoAmI({});
    expect(principal).toMatchObject({ accountId: tenant.accountId, permissions: ["agents:read"] });
    await acting.apiKeys.rotateApiKey({ id: key.id });
    expect(await refusal(acting.apiKeys.revokeApiKey({ id: key.id }))).toMatchObject(
      denied("api_keys:manage"),
    );
    expect(await refusal(acting.workspaceAdmin.createWorkspace({ metadata: { name: "w" } }))).toMatchObject(
      denied("workspaces:write"),
    );
    expect(await refusal(acting.accounts.suspendAccount({ accountId: tenant.accountId }))).toMatchObject(
      denied("accounts:manage"),
    );
    const wide = issueKey(acting, { spec: { permissions: ["agents:write"] } });
    expect(await refusal(wide)).toMatchObject(denied("agents:write"));
  });

  test("is named in audit events and created_by, with via platform", async () => {
    const acting = await newActing(app, tenant.accountId, "api_keys:*", "workspaces:*", "*:read");
    const via = { via: "platform", keyId: acting.keyId };
    const { id } = await issueKey(acting);
    const { apiKey } = await acting.apiKeys.getApiKey({ id });
    expect(apiKey?.info).toMatchObject({ createdBy: via, mintedByKeyId: acting.keyId });
    const workspaceId = await newWorkspace(acting);
    const { workspace } = await tenant.owner.workspaceAdmin.getWorkspace({ workspaceId });
    expect(workspace?.info?.createdBy).toMatchObject({ ...via, spec: { type: ProfileType.SYSTEM } });
    for (const resourceId of [id, workspaceId]) {
      const { items } = await tenant.owner.audit.listAuditEvents({ resourceId });
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({ via: "platform", keyId: acting.keyId });
    }
    await refusal(acting.teams.createTeam({ metadata: { name: "t" } }));
    await app.app.flush();
    const refused = await tenant.owner.audit.listAuditEvents({ keyId: acting.keyId });
    expect(refused.items[0]).toMatchObject({ via: "platform", reason: "PERMISSION_DENIED" });
    expect((await issueKey(tenant.owner)).info?.createdBy).toMatchObject({ via: "", keyId: "" });
  });

  test("acts nowhere new without the header", async () => {
    const { token } = await newActing(app, tenant.accountId, "*:read", "api_keys:write");
    const { principal } = await app.clientAs(token).profiles.whoAmI({});
    expect(principal?.accountId).not.toBe(tenant.accountId);
    const { id } = await issueKey(tenant.owner);
    expect(await refusal(app.clientAs(token).apiKeys.getApiKey({ id }))).toMatchObject({ code: "NotFound" });
    const made = await issueKey(app.clientAs(token));
    expect(made.metadata?.accountId).toBe(principal?.accountId);
  });

  test("gets ACCOUNT_MISMATCH for a missing account and for one that is not an id", async () => {
    const { token } = await newActing(app, tenant.accountId, "*:read");
    for (const named of [newId("acct"), "acct_x", "x"]) {
      expect(await refusal(naming(app, token, named).accounts.getAccount({}))).toMatchObject({
        reason: "ACCOUNT_MISMATCH",
        metadata: { account_id: named },
      });
    }
  });

  test.each(["a missing account", "a tenant"])(
    "that was revoked costs no statement if it names %s",
    async (what) => {
      const { token, keyId } = await newActing(app, tenant.accountId, "*:read");
      const named = naming(app, token, what === "a tenant" ? tenant.accountId : newId("acct"));
      await platform().apiKeys.revokeApiKey({ id: keyId });
      const revoked = { reason: "REVOKED_API_KEY", metadata: { key_id: keyId } };
      expect(await refusal(app.clientAs(token).profiles.whoAmI({}))).toMatchObject(revoked);
      const statements = () =>
        app.statementsOf(async () => {
          expect(await refusal(named.profiles.whoAmI({}))).toMatchObject(revoked);
        });
      // An instance without a lease asks the database until the next heartbeat.
      await expect.poll(statements).toEqual([]);
    },
  );

  test("acts in its own account as itself, also if the header names it", async () => {
    const { principal } = await platform().profiles.whoAmI({});
    const { token } = await newActing(app, tenant.accountId, "accounts:read");
    const named = await naming(app, token, principal?.accountId ?? "").profiles.whoAmI({});
    expect(named.profile?.spec?.type).toBe(ProfileType.API_KEY);
    expect(named.principal?.permissions).toEqual(["accounts:act", "accounts:read"]);
  });

  test("never has the rank of an owner and never acts as a person", async () => {
    const acting = naming(app, app.platformToken, tenant.accountId);
    const member = await newMember(app, tenant.owner, "viewer");
    const rank = { reason: "PERMISSION_DENIED" };
    for (const call of [
      () => acting.invites.createInvite({ email: newEmail(), role: "owner" }),
      () => acting.profiles.setProfileRole({ id: member.profileId, role: "owner" }),
      () => acting.profiles.removeProfile({ id: tenant.owner.profile.metadata?.id ?? "" }),
      () => acting.accounts.deleteAccount({ name: "Acme" }),
      () => issueKey(acting, { spec: { kind: ApiKeyKind.DEVELOPER } }),
    ]) {
      expect(await refusal(call())).toMatchObject(rank);
    }
    for (const call of [() => acting.sessions.listSessions({}), () => acting.accounts.listAccounts({})]) {
      expect(await refusal(call())).toMatchObject({ reason: "LOGIN_REQUIRED" });
    }
    const id = await systemKeyOf(app, tenant.accountId);
    expect(await refusal(acting.apiKeys.rotateApiKey({ id }))).toMatchObject({ reason: "SYSTEM_KEY" });
    expect(await refusal(acting.apiKeys.disableApiKey({ id }))).toMatchObject({ reason: "SYSTEM_KEY" });
  });

  test("verifies in the account what the account itself could verify", async () => {
    const acting = await newActing(app, tenant.accountId, "tokens:verify");
    const [own, foreign] = [await issueKey(tenant.owner), await issueKey(await app.newAccount())];
    expect(await acting.tokens.verifyToken({ token: own.token })).toMatchObject({ valid: true });
    expect(await acting.tokens.verifyToken({ token: foreign.token })).toMatchObject({ valid: false });
    expect(await app.clientAs(acting.token).tokens.verifyToken({ token: foreign.token })).toMatchObject({
      valid: true,
    });
  });
});

describe("ACCOUNT_MISMATCH is the response", () => {
  test("to a platform key without accounts:act, whatever else it holds", async () => {
    const spec = { permissions: ["accounts:manage", "api_keys:*", "*:manage"] };
    const { token } = await issueKey(platform(), { spec });
    for (const named of [tenant.accountId, newId("acct")]) {
      expect(await refusal(naming(app, token, named).profiles.whoAmI({}))).toMatchObject({
        reason: "ACCOUNT_MISMATCH",
      });
    }
  });

  test("to every credential of a tenant, whatever permissions it gives itself", async () => {
    const [other, spec] = [await app.newAccount(), { permissions: ["*", "accounts:act"] }];
    const all = { ...spec, workspaceScope: WorkspaceScope.ALL };
    const named = await issueKey(other, { spec: { permissions: ["accounts:act", "api_keys:*"] } });
    const { apiKey } = await other.apiKeys.rotateApiKey({ id: await systemKeyOf(app, accountIdOf(other)) });
    const developer = await issueKey(other, { spec: { kind: ApiKeyKind.DEVELOPER } });
    const { principal } = await platform().profiles.whoAmI({});
    const tokens = [(await issueKey(other, { spec: all })).token, named.token, apiKey?.spec?.token ?? ""];
    for (const token of [...tokens, developer.token, other.token]) {
      for (const target of [tenant.accountId, principal?.accountId ?? "", newId("acct")]) {
        const refused = await refusal(naming(app, token, target).profiles.whoAmI({}));
        expect(refused).toMatchObject({ reason: "ACCOUNT_MISMATCH", metadata: { account_id: target } });
      }
    }
  });

  test("to a person of the platform account", async () => {
    const member = await newMember(app, platform(), "admin");
    const [session] = await app.db.selectFrom("session").select("id").execute();
    expect(session).toBeDefined();
    const refused = await refusal(naming(app, member.token, tenant.accountId).profiles.whoAmI({}));
    expect(refused).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
  });
});

describe("in a suspended account, a platform key that acts", () => {
  test.each(["suspended", "deleted"])(
    "reads, revokes and disables while it is %s, and nothing else",
    async (how) => {
      const tenant = await app.newAccount();
      const [one, two] = [await issueKey(tenant), await issueKey(tenant)];
      const id = accountIdOf(tenant);
      const acting = naming(app, app.platformToken, id);
      await acting.accounts.getAccount({});
      if (how === "deleted") await tenant.accounts.deleteAccount({ name: "Acme" });
      else await platform().accounts.suspendAccount({ accountId: id });
      await acting.accounts.getAccount({});
      await acting.apiKeys.listApiKeys({});
      await acting.audit.listAuditEvents({});
      await acting.tokens.verifyToken({ token: one.token });
      for (const call of [
        () => issueKey(acting),
        () => acting.apiKeys.rotateApiKey({ id: one.id }),
        () => acting.apiKeys.enableApiKey({ id: one.id }),
        () => acting.workspaceAdmin.createWorkspace({ metadata: { name: "w" } }),
        () => acting.accounts.updateAccount({ metadata: { name: "new" } }),
      ]) {
        expect(await refusal(call())).toMatchObject({
          reason: "ACCOUNT_SUSPENDED",
          metadata: { account_id: id },
        });
      }
      await acting.apiKeys.disableApiKey({ id: one.id });
      await acting.apiKeys.revokeApiKey({ id: two.id });
      await platform().accounts.resumeAccount({ accountId: id });
      await issueKey(acting);
    },
  );
});
