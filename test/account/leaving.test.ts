import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import { identityId } from "../../src/verify/oidc/oidc.ts";
import { inviteOf, join, logIn } from "../support/actors/actors.ts";
import { mailedToken } from "../support/actors/mailbox.ts";
import { type Clients, issueKey, newWorkspace, type Owner, password, useApp } from "../support/app.ts";
import { rowsOf } from "../support/database/contents.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
let people = 0;
const newEmail = () => `leaves${++people}@example.com`;
const whoAmI = (token: string) => app.clientAs(token).profiles.whoAmI({});
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const within = (caller: Clients, owner: Owner) =>
  app.clientAs(caller.token, { "latchkey-account": idOf(owner) });
const lastOwner = (owner: Owner) => ({
  code: "FailedPrecondition",
  reason: "LAST_OWNER",
  metadata: { account_id: idOf(owner) },
});

/** Creates a person with an account of their own who is an admin of another one. */
async function newGuest(host: Owner): Promise<Owner & { profileId: string }> {
  const guest = await app.newAccount("Home");
  const invite = await inviteOf(host, { email: guest.email, role: "admin" });
  const { profile } = await guest.invites.acceptInvite(invite);
  return { ...guest, profileId: profile?.metadata?.id ?? "" };
}

async function serviceKey(caller: Clients) {
  const { team } = await caller.teams.createTeam({ metadata: { name: "ci" }, spec: { roles: ["viewer"] } });
  const { serviceAccount } = await caller.serviceAccounts.createServiceAccount({
    metadata: { name: "robot" },
    spec: { teamId: team?.metadata?.id },
  });
  const spec = { kind: ApiKeyKind.SERVICE, serviceAccountId: serviceAccount?.metadata?.id };
  return issueKey(caller, { spec });
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("RemoveProfile", () => {
  test("ends the person's developer keys permanently and their session in this account, and keeps service keys", async () => {
    const host = await app.newAccount("Host");
    const guest = await newGuest(host);
    const here = within(guest, host);
    const developer = await issueKey(here, { spec: { kind: ApiKeyKind.DEVELOPER } });
    const service = await serviceKey(here);
    const integration = await issueKey(here, { spec: { permissions: ["agents:read"] } });
    const colleague = await issueKey(host, { spec: { kind: ApiKeyKind.DEVELOPER } });
    await host.profiles.removeProfile({ id: guest.profileId });

    expect(await refusal(whoAmI(developer.token))).toMatchObject({ reason: "REVOKED_API_KEY" });
    expect(await refusal(here.profiles.whoAmI({}))).toMatchObject({
      code: "PermissionDenied",
      reason: "ACCOUNT_MISMATCH",
    });
    expect((await whoAmI(guest.token)).principal?.accountId).toBe(idOf(guest));
    for (const { token } of [service, integration, colleague]) await whoAmI(token);

    await guest.invites.acceptInvite(await inviteOf(host, { email: guest.email, role: "admin" }));
    await here.profiles.whoAmI({});
    expect(await refusal(whoAmI(developer.token))).toMatchObject({ reason: "REVOKED_API_KEY" });
    expect(await refusal(here.apiKeys.enableApiKey({ id: developer.id }))).toMatchObject({
      code: "FailedPrecondition",
    });
  });

  test("is one transaction with the membership, keys, grants, teams, invites and the event", async () => {
    const host = await app.newAccount();
    const guest = await newGuest(host);
    const key = await issueKey(within(guest, host), { spec: { kind: ApiKeyKind.DEVELOPER } });
    const workspaceId = await newWorkspace(host);
    const { profileId } = guest;
    await host.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });
    const { team } = await host.teams.createTeam({ metadata: { name: "ops" } });
    await host.teams.addTeamMember({ id: team?.metadata?.id, profileId });
    const invite = await inviteOf(within(guest, host), { email: newEmail(), role: "viewer" });
    await host.profiles.removeProfile({ id: profileId });
    const { rows } = await sql<{ xmin: string }>`
      select xmin::text from api_key where id = ${key.id} and revoked_at is not null
      union all select xmin::text from profile where id = ${profileId} and removed_at is not null
      union all select xmin::text from invite where id = ${invite.id} and revoked_at is not null
      union all select xmin::text from audit_event
        where resource_id = ${profileId} and method like '%/RemoveProfile'`.execute(app.db);
    expect(rows).toHaveLength(4);
    expect(new Set(rows.map(({ xmin }) => xmin)).size).toBe(1);
    for (const table of ["membership", "workspace_grant", "team_member"] as const) {
      const left = await app.db.selectFrom(table).selectAll().where("profile_id", "=", profileId).execute();
      expect(left).toEqual([]);
    }
  });

  test("any person may remove themselves, but removing others needs the permission", async () => {
    const host = await app.newAccount();
    const [one, two] = [
      await join(app, host, { email: newEmail(), role: "viewer" }),
      await join(app, host, { email: newEmail(), role: "viewer" }),
    ];
    expect(await refusal(one.profiles.removeProfile({ id: two.profileId }))).toMatchObject({
      code: "PermissionDenied",
      metadata: { permission: "profiles:manage" },
    });
    await one.profiles.removeProfile({ id: one.profileId });
    expect((await refusal(within(one, host).profiles.whoAmI({}))).reason).toBe("ACCOUNT_MISMATCH");
    await two.profiles.whoAmI({});
  });

  test("an admin cannot remove an owner, and the last owner stays, even if several leave concurrently", async () => {
    const host = await app.newAccount();
    const admin = await join(app, host, { email: newEmail(), role: "admin" });
    const second = await join(app, host, { email: newEmail(), role: "owner" });
    const first = host.profile.metadata?.id ?? "";
    expect(await refusal(admin.profiles.removeProfile({ id: first }))).toMatchObject({
      reason: "PERMISSION_DENIED",
    });
    const both = await Promise.allSettled([
      host.profiles.removeProfile({ id: first }),
      second.profiles.removeProfile({ id: second.profileId }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const failed = both.find((one) => one.status === "rejected");
    expect(await refusal(Promise.reject(failed?.reason))).toMatchObject(lastOwner(host));
  });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("DeleteUser", () => {
  test("erases the person from every table, and events keep the profile ids", async () => {
    const [host, left] = [await app.newAccount(), await app.newAccount()];
    const [name, first, email] = ["Zebediah Quux", "zebediah.old@example.com", "zebediah@example.com"];
    const invite = await inviteOf(host, { email: first, role: "admin" });
    const { token, profile } = await app.clientAs("").invites.acceptInvite({ ...invite, name, password });
    const person = app.clientAs(token);
    // The person is a former member of one account, with a new address, a pending proof, and records that they
    // created.
    const gone = await person.invites.acceptInvite(await inviteOf(left, { email: first, role: "viewer" }));
    await left.profiles.removeProfile({ id: gone.profile?.metadata?.id });
    const key = await issueKey(person, { spec: { kind: ApiKeyKind.DEVELOPER } });
    await person.sessions.changeEmail({ email, password });
    const proof = await mailedToken(app, email);
    await app.clientAs("").sessions.proveEmail({ token: proof });
    const { id } = await inviteOf(left, { email, role: "viewer" });
    await left.invites.revokeInvite({ id });
    await person.sessions.changeEmail({ email: "zebediah.next@example.com", password });
    const userId = (await person.profiles.whoAmI({})).principal?.userId ?? "";
    await app.db
      .insertInto("identity")
      .values({
        id: identityId("https://id.example.com", "zebediah"),
        issuer: "https://id.example.com",
        subject: "zebediah",
        user_id: userId,
      })
      .execute();
    const elsewhere = await logIn(app, email);

    await person.sessions.deleteUser({ password });
    expect((await rowsOf(app.db)).filter(({ text }) => /zebediah|quux/i.test(text))).toEqual([]);
    for (const ended of [person, elsewhere]) {
      expect(await refusal(ended.accounts.listAccounts({}))).toMatchObject({ reason: "REVOKED_SESSION" });
    }
    expect(await refusal(whoAmI(key.token))).toMatchObject({ reason: "REVOKED_API_KEY" });
    const { items } = await host.audit.listAuditEvents({ profileId: profile?.metadata?.id });
    expect(items.map(({ method }) => method.split("/")[1])).toContain("CreateApiKey");
    expect(items.map(({ method }) => method.split("/")[1])).toContain("DeleteUser");

    // The address is free again. A user who takes it is another person.
    const signUp = { email, password, name: "New", accountName: "New" };
    const again = await app.clientAs("").sessions.signUp(signUp);
    expect((await app.clientAs(again.token).accounts.listAccounts({})).items).toHaveLength(1);
  });

  test("needs the password, fails for the last owner of an account, and then changes nothing", async () => {
    const host = await app.newAccount();
    const guest = await newGuest(host);
    const before = (await rowsOf(app.db)).map(({ text }) => text);
    const wrong = guest.sessions.deleteUser({ password: "a wrong password" });
    expect(await refusal(wrong)).toMatchObject({ reason: "INVALID_CREDENTIALS" });
    expect(await refusal(guest.sessions.deleteUser({ password }))).toMatchObject(lastOwner(guest));
    await app.app.flush();
    const changed = (await rowsOf(app.db)).filter(
      ({ table, text }) => !/_use$|usage/.test(table) && !before.includes(text),
    );
    expect(changed).toEqual([]);
    await within(guest, host).profiles.whoAmI({});
  });

  test("keeps one of the last two owners who call it concurrently", async () => {
    const host = await app.newAccount();
    const second = await join(app, host, { email: newEmail(), role: "owner" });
    const both = await Promise.allSettled(
      [host, second].map((owner) => owner.sessions.deleteUser({ password })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });
});
