import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { InviteState } from "../../gen/latchkey/v1/invite_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { inviteOf, join, newRole } from "../support/actors/actors.ts";
import { doneTo } from "../support/actors/api-key.ts";
import { mailsTo } from "../support/actors/mailbox.ts";
import { issueKey, newWorkspace, startApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let people = 0;
const newEmail = () => `guest${++people}@example.com`;
const denied = (permission: string) => ({ code: "PermissionDenied", metadata: { permission } });

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("CreateInvite", () => {
  test("invites an address with a role and workspaces for seven days", async () => {
    const owner = await app.newAccount();
    const workspace = await newWorkspace(owner);
    const { invite } = await owner.invites.createInvite({
      email: "Somebody@Example.com",
      role: "Developer",
      workspaceIds: [workspace],
    });
    expect(invite).toMatchObject({
      metadata: { name: "somebody@example.com", profileId: owner.profile.metadata?.id },
      spec: { email: "somebody@example.com", workspaceIds: [workspace] },
      info: { createdBy: { spec: { email: owner.email } } },
      state: InviteState.PENDING,
    });
    expect(invite?.spec?.role).toMatch(/^role_/);
    const lives = (invite?.spec?.expiresAt?.seconds ?? 0n) - (invite?.metadata?.createdAt?.seconds ?? 0n);
    expect(Number(lives)).toBe(7 * 86_400);
    expect(await mailsTo(app, "somebody@example.com")).toHaveLength(1);
  });

  test("returns the token once if there is no SMTP, and otherwise only mails it", async () => {
    const owner = await app.newAccount();
    const email = newEmail();
    const { id, token } = await inviteOf(owner, { email, role: "viewer" });
    expect(token).toMatch(/^lk_inv_/);
    const { items } = await owner.invites.listInvites({ showAll: true });
    expect(items.map((invite) => invite.spec?.token)).toEqual([""]);
    expect((await owner.invites.revokeInvite({ id })).invite?.spec?.token).toBe("");

    const { app: mailing, end } = await startApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
    try {
      const other = await mailing.newAccount();
      const workspaceId = await newWorkspace(other);
      const { invite } = await other.invites.createInvite({ email, role: "viewer" });
      const added = await other.workspaceAdmin.addWorkspaceMember({ workspaceId, email: newEmail() });
      const opened = await mailing.clientAs(mailing.platformToken).accounts.openAccount({
        metadata: { name: "Opened" },
        ownerEmail: newEmail(),
      });
      for (const made of [invite, added.invite, opened.invite]) expect(made?.spec?.token).toBe("");
      expect(mailing.mails.map((mail) => /lk_inv_\w+/.test(mail.text))).toEqual([true, true, true]);
    } finally {
      await end();
    }
  });

  test("stores only a hash of the token, and no event contains the token or the address", async () => {
    const owner = await app.newAccount();
    const email = newEmail();
    const { id, token } = await inviteOf(owner, { email, role: "viewer" });
    const rows = await app.db.selectFrom("invite").selectAll().execute();
    const events = await app.db.selectFrom("audit_event").selectAll().where("resource_id", "=", id).execute();
    expect(events).toHaveLength(1);
    expect(JSON.stringify([rows, events])).not.toContain(token.slice(-38));
    expect(JSON.stringify(events)).not.toContain(email);
  });

  test("is refused for a role or workspaces that the inviter does not hold", async () => {
    const owner = await app.newAccount();
    const workspace = await newWorkspace(owner);
    await newRole(owner, "inviter", "invites:write", "agents:read");
    const inviter = await join(app, owner, { email: newEmail(), role: "inviter" });
    const email = newEmail();
    const invite = (role: string, workspaceIds: string[] = []) =>
      refusal(inviter.invites.createInvite({ email, role, workspaceIds }));
    expect(await invite("viewer")).toMatchObject(denied("*:read"));
    expect(await invite("admin")).toMatchObject({ reason: "WORKSPACE_FORBIDDEN" });
    await owner.roles.createRole({ metadata: { name: "reader" }, spec: { permissions: ["agents:read"] } });
    expect(await invite("reader", [workspace])).toMatchObject({
      reason: "WORKSPACE_FORBIDDEN",
      metadata: { workspace_id: workspace },
    });
    expect((await owner.invites.listInvites({})).items).toEqual([]);
    await inviter.invites.createInvite({ email, role: "reader" });
  });

  test("of an owner needs an owner's session: an admin and a key with all permissions are refused", async () => {
    const owner = await app.newAccount();
    const admin = await join(app, owner, { email: newEmail(), role: "admin" });
    const spec = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
    const all = app.clientAs((await issueKey(owner, { spec })).token);
    const developer = app.clientAs((await issueKey(owner, { spec: { kind: ApiKeyKind.DEVELOPER } })).token);
    for (const caller of [admin, all, developer]) {
      const refused = await refusal(caller.invites.createInvite({ email: newEmail(), role: "owner" }));
      expect(refused).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_DENIED" });
    }
    const second = await join(app, owner, { email: newEmail(), role: "owner" });
    await second.profiles.removeProfile({ id: owner.profile.metadata?.id });
  });

  test("refuses a member, an unknown role and an unknown workspace, and names the field", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const create = (request: object) =>
      refusal(owner.invites.createInvite({ email: newEmail(), role: "viewer", ...request }));
    expect(await create({ email: owner.email.toUpperCase() })).toMatchObject({
      reason: "ALREADY_EXISTS",
      metadata: { id: owner.profile.metadata?.id },
    });
    expect(await create({ role: "no such role" })).toMatchObject({ violations: [{ field: "role" }] });
    for (const workspace of [newId("ws"), await newWorkspace(other)]) {
      expect(await create({ workspaceIds: [workspace] })).toMatchObject({ code: "NotFound", metadata: {} });
    }
    expect(await create({ email: "no address" })).toMatchObject({ violations: [{ field: "email" }] });
  });

  test("can be repeated: the same request_id creates no second invite and sends no second mail", async () => {
    const owner = await app.newAccount();
    const request = { email: newEmail(), role: "viewer", requestId: "once" };
    const { invite } = await owner.invites.createInvite(request);
    expect(await refusal(owner.invites.createInvite(request))).toMatchObject({
      code: "AlreadyExists",
      metadata: { id: invite?.metadata?.id },
    });
    expect(await mailsTo(app, request.email)).toHaveLength(1);
  });
});

describe("ListInvites and RevokeInvite", () => {
  test("list the pending invites, and with show_all also accepted, revoked and expired ones", async () => {
    const owner = await app.newAccount();
    await join(app, owner, { email: newEmail(), role: "viewer" });
    const [revoked, expired, pending] = [
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
    ];
    await owner.invites.revokeInvite({ id: revoked.id });
    await sql`update invite set expires_at = clock_timestamp() where id = ${expired.id}`.execute(app.db);
    const { items } = await owner.invites.listInvites({});
    expect(items.map((invite) => invite.metadata?.id)).toEqual([pending.id]);
    const all = await owner.invites.listInvites({ showAll: true, sortOrder: "asc" });
    const { ACCEPTED, REVOKED, EXPIRED, PENDING } = InviteState;
    expect(all.items.map((invite) => invite.state)).toEqual([ACCEPTED, REVOKED, EXPIRED, PENDING]);
  });

  test("change nothing if the invite is revoked already, and fail with ALREADY_USED if it was accepted", async () => {
    const owner = await app.newAccount();
    const { id } = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    await owner.invites.revokeInvite({ id });
    await owner.invites.revokeInvite({ id });
    expect(await doneTo(app, id)).toEqual(["CreateInvite", "RevokeInvite"]);
    await join(app, owner, { email: newEmail(), role: "viewer" });
    const { items } = await owner.invites.listInvites({ showAll: true, limit: 1 });
    const refused = await refusal(owner.invites.revokeInvite({ id: items[0]?.metadata?.id }));
    expect(refused).toMatchObject({ code: "FailedPrecondition", reason: "ALREADY_USED" });
  });

  test("treat another account's invite exactly like a missing one", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const { id } = await inviteOf(other, { email: newEmail(), role: "viewer" });
    expect((await owner.invites.listInvites({ showAll: true })).items).toEqual([]);
    const told = [];
    for (const asked of [id, newId("inv")]) {
      const { headers, ...rest } = await refusal(owner.invites.revokeInvite({ id: asked }));
      told.push(rest);
    }
    expect(told[0]).toEqual(told[1]);
    expect(told[0]).toMatchObject({ code: "NotFound", metadata: {} });
    expect((await other.invites.listInvites({})).items).toHaveLength(1);
  });
});
