import { describe, expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import { inviteOf, join, logIn, newRole } from "../support/actors/actors.ts";
import { mailedToken } from "../support/actors/mailbox.ts";
import { type Clients, issueKey, newWorkspace, password, startApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let people = 0;
const newEmail = () => `reevaluated${++people}@example.com`;
type Token = Awaited<ReturnType<typeof inviteOf>>;
const accept = (invite: Token, as: Clients = app.clientAs("")) =>
  as.invites.acceptInvite({ ...invite, name: "Guest", password });
const denied = { code: "PermissionDenied", reason: "PERMISSION_DENIED" };

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("an accepted invite is evaluated again by what its maker holds now:", () => {
  const adminOf = async (owner: Clients) => join(app, owner, { email: newEmail(), role: "admin" });

  test("it is refused if its maker was demoted", async () => {
    const owner = await app.newAccount();
    const admin = await adminOf(owner);
    const [more, same] = [
      await inviteOf(admin, { email: newEmail(), role: "admin" }),
      await inviteOf(admin, { email: newEmail(), role: "viewer" }),
    ];
    await owner.profiles.setProfileRole({ id: admin.profileId, role: "developer" });
    expect(await refusal(accept(more))).toMatchObject(denied);
    expect((await owner.profiles.listProfiles({ query: "reevaluated" })).items).toHaveLength(1);
    await accept(same);
  });

  test("it gives no ownership if its maker is no longer an owner", async () => {
    const owner = await app.newAccount();
    const second = await join(app, owner, { email: newEmail(), role: "owner" });
    const invite = await inviteOf(second, { email: newEmail(), role: "owner" });
    await owner.profiles.setProfileRole({ id: second.profileId, role: "admin" });
    expect(await refusal(accept(invite))).toMatchObject(denied);
    await owner.profiles.setProfileRole({ id: second.profileId, role: "owner" });
    await accept(invite);
  });

  test("it is revoked if its maker was removed, and the invites of other members are not", async () => {
    const owner = await app.newAccount();
    const admin = await adminOf(owner);
    const [theirs, others] = [
      await inviteOf(admin, { email: newEmail(), role: "viewer" }),
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
    ];
    await owner.profiles.removeProfile({ id: admin.profileId });
    const { items } = await owner.invites.listInvites({});
    expect(items.map((invite) => invite.metadata?.id)).toEqual([others.id]);
    expect(await refusal(accept(theirs))).toMatchObject({ reason: "ALREADY_USED" });
    await accept(others);
  });

  test("it is refused if its maker lost the workspace", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    await owner.roles.createRole({
      metadata: { name: "inviter" },
      spec: { permissions: ["*:read", "invites:write"] },
    });
    const request = { email: newEmail(), role: "inviter", workspaceIds: [workspaceId] };
    const inviter = await join(app, owner, request);
    const invite = { email: newEmail(), role: "viewer", workspaceIds: [workspaceId] };
    const held = await inviteOf(inviter, invite);
    await owner.workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId: inviter.profileId });
    expect(await refusal(accept(held))).toMatchObject({ code: "PermissionDenied" });
    await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: inviter.profileId });
    await accept(held);
  });

  test("it gives its workspaces except those that were archived since", async () => {
    const owner = await app.newAccount();
    const [kept, archived] = [await newWorkspace(owner, "kept"), await newWorkspace(owner, "archived")];
    await owner.roles.createRole({
      metadata: { name: "inviter" },
      spec: { permissions: ["*:read", "invites:write"] },
    });
    const workspaceIds = [kept, archived];
    const inviter = await join(app, owner, { email: newEmail(), role: "inviter", workspaceIds });
    const invites = [];
    for (const maker of [owner, inviter]) {
      invites.push(await inviteOf(maker, { email: newEmail(), role: "viewer", workspaceIds }));
    }
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    for (const invite of invites) {
      const { token } = await accept(invite);
      const { principal } = await app.clientAs(token).profiles.whoAmI({});
      expect(principal?.workspaceIds).toEqual([kept]);
    }
  });

  test("it is refused if the team of the service account that made it was narrowed", async () => {
    const owner = await app.newAccount();
    const { team } = await owner.teams.createTeam({ metadata: { name: "ops" }, spec: { roles: ["admin"] } });
    const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
      metadata: { name: "robot" },
      spec: { teamId: team?.metadata?.id },
    });
    const serviceAccountId = serviceAccount?.metadata?.id;
    const key = await issueKey(owner, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } });
    const invite = await inviteOf(app.clientAs(key.token), { email: newEmail(), role: "developer" });
    await owner.teams.updateTeam({ id: team?.metadata?.id, spec: { roles: ["viewer"] } });
    expect(await refusal(accept(invite))).toMatchObject(denied);
  });

  test("it is refused if its role now gives more than its maker holds", async () => {
    const owner = await app.newAccount();
    const reader = { metadata: { name: "reader" }, spec: { permissions: ["agents:read"] } };
    const { role } = await owner.roles.createRole(reader);
    await newRole(owner, "inviter", "invites:write", "agents:read");
    const inviter = await join(app, owner, { email: newEmail(), role: "inviter" });
    const invite = await inviteOf(inviter, { email: newEmail(), role: "reader" });
    await owner.roles.updateRole({ id: role?.metadata?.id, spec: { permissions: ["agents:write"] } });
    expect(await refusal(accept(invite))).toMatchObject({
      ...denied,
      metadata: { permission: "agents:write" },
    });
  });

  test("it is refused while the account is suspended", async () => {
    const owner = await app.newAccount();
    const invite = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    const accountId = owner.account.metadata?.id ?? "";
    const { accounts } = app.clientAs(app.platformToken);
    await accounts.suspendAccount({ accountId });
    expect(await refusal(accept(invite))).toMatchObject({ reason: "ACCOUNT_SUSPENDED" });
    await accounts.resumeAccount({ accountId });
    await accept(invite);
  });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("AddWorkspaceMember by e-mail", () => {
  test("finds a member in any letter case and creates no invite", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const member = await join(app, owner, { email: newEmail(), role: "viewer" });
    const email = member.email.toUpperCase();
    const added = await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, email });
    expect(added.member?.profile?.metadata?.id).toBe(member.profileId);
    expect(added.invite).toBeUndefined();
    expect((await member.profiles.whoAmI({})).principal?.workspaceIds).toEqual([workspaceId]);
  });

  test("invites a person who is not a member, as a viewer by default", async () => {
    const [owner, elsewhere] = [await app.newAccount(), await app.newAccount()];
    const workspaceId = await newWorkspace(owner);
    for (const [request, permissions] of [
      [{ email: newEmail() }, ["*:read"]],
      [{ email: newEmail(), role: "developer" }, ["*:write", "api_keys:write"]],
    ] as const) {
      const { invite, member } = await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, ...request });
      expect(member).toBeUndefined();
      const { token } = await accept({ id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" });
      const { principal } = await app.clientAs(token).profiles.whoAmI({});
      expect(principal).toMatchObject({ permissions, workspaceIds: [workspaceId] });
    }
    const { invite } = await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, email: elsewhere.email });
    expect(invite?.spec?.email).toBe(elsewhere.email);
  });

  test("creates an invite only if the caller may invite", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const spec = { permissions: ["workspaces:write", "*:read"] };
    const key = await issueKey(owner, { spec, initialWorkspaceIds: [workspaceId] });
    const add = app.clientAs(key.token).workspaceAdmin.addWorkspaceMember({ workspaceId, email: newEmail() });
    expect(await refusal(add)).toMatchObject({ ...denied, metadata: { permission: "invites:write" } });
    expect((await owner.invites.listInvites({ showAll: true })).items).toEqual([]);
  });

  test("does not find a user by an unproven address if mail is delivered", async () => {
    const { app: mailing, end } = await startApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
    try {
      const [owner, guest] = [await mailing.newAccount(), await mailing.newAccount()];
      const workspaceId = await newWorkspace(owner);
      const { email } = guest;
      const { invite } = await owner.invites.createInvite({ email, role: "viewer" });
      const id = invite?.metadata?.id ?? "";
      await accept({ id, token: await mailedToken(mailing, email) }, guest);
      await mailing.db.updateTable("user").set({ email_proven_at: null }).execute();
      const add = () => owner.workspaceAdmin.addWorkspaceMember({ workspaceId, email });
      const grants = () => mailing.db.selectFrom("workspace_grant").selectAll().execute();
      await refusal(add());
      expect(await grants()).toEqual([]);

      const again = await logIn(mailing, email);
      await again.sessions.changeEmail({ email, password });
      const { sessions } = mailing.clientAs("");
      await sessions.proveEmail({ token: await mailedToken(mailing, email) });
      expect((await add()).member).toBeDefined();
      expect(await grants()).toHaveLength(1);
    } finally {
      await end();
    }
  });

  test("a mailed invite proves the address of the user who accepts it, and an invite that its maker passed on does not", async () => {
    const { app: mailing, end } = await startApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
    const provenIn = async (db: typeof app.db, email: string) =>
      (await db.selectFrom("user").selectAll().where("email", "=", email).executeTakeFirstOrThrow())
        .email_proven_at !== null;
    try {
      const [owner, guest] = [await mailing.newAccount(), await mailing.newAccount()];
      const email = newEmail();
      for (const [address, caller] of [
        [email, mailing.clientAs("")],
        [guest.email, guest],
      ] as const) {
        const { invite } = await owner.invites.createInvite({ email: address, role: "viewer" });
        const token = await mailedToken(mailing, address);
        await accept({ id: invite?.metadata?.id ?? "", token }, caller);
        expect(await provenIn(mailing.db, address)).toBe(true);
      }
      expect(await provenIn(mailing.db, owner.email)).toBe(false);
    } finally {
      await end();
    }
    const joined = await join(app, await app.newAccount(), { email: newEmail(), role: "viewer" });
    expect(await provenIn(app.db, joined.email)).toBe(false);
  });
});
