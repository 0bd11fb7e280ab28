import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { inviteOf, logIn } from "../support/actors/actors.ts";
import { type Clients, newWorkspace, password } from "../support/app.ts";
import { untilBlocked } from "../support/database/waiting.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let people = 0;
const newEmail = () => `accepts${++people}@example.com`;
type Token = Awaited<ReturnType<typeof inviteOf>>;
const accept = (invite: Token, as: Clients = app.clientAs("")) =>
  as.invites.acceptInvite({ ...invite, name: "Guest", password });
const loginRequired = { code: "Unauthenticated", reason: "LOGIN_REQUIRED" };
const used = { code: "FailedPrecondition", reason: "ALREADY_USED" };

async function everything() {
  const tables = ["user", "membership", "profile", "session", "invite", "workspace_grant"] as const;
  return Promise.all(
    tables.map(async (table) => {
      const { rows } = await sql<{ row: string }>`
        select t::text as row from ${sql.table(table)} t order by 1`.execute(app.db);
      return rows.map(({ row }) => row);
    }),
  );
}

// Creates a second pending invite of an address, as earlier versions of the server allowed.
async function secondInviteOf(owner: Clients, email: string): Promise<Token> {
  const invite = await inviteOf(owner, { email: newEmail(), role: "admin" });
  await app.db.updateTable("invite").set({ email }).where("id", "=", invite.id).execute();
  return invite;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("an invite", () => {
  test("accepted without a sign-in creates a user with a session, the role and the workspaces", async () => {
    const owner = await app.newAccount("Host");
    const [given, _other] = [await newWorkspace(owner, "given"), await newWorkspace(owner, "other")];
    const email = newEmail();
    const invite = await inviteOf(owner, { email, role: "developer", workspaceIds: [given] });
    const { account, profile, token } = await accept(invite);
    expect(account?.metadata?.name).toBe("Host");
    expect(profile?.spec).toMatchObject({ email, name: "Guest" });
    const { principal } = await app.clientAs(token).profiles.whoAmI({});
    expect(principal).toMatchObject({
      accountId: owner.account.metadata?.id,
      permissions: ["*:write", "api_keys:write"],
      workspaceIds: [given],
    });
    await logIn(app, email);
    const { items } = await owner.audit.listAuditEvents({ resourceId: invite.id });
    expect(items[0]).toMatchObject({
      profileId: profile?.metadata?.id,
      after: { role_id: expect.anything() },
    });
  });

  test("for an existing user is refused to a holder who is not signed in, and nothing changes", async () => {
    const [owner, guest] = [await app.newAccount(), await app.newAccount()];
    const invite = await inviteOf(owner, { email: guest.email, role: "viewer" });
    const before = await everything();
    expect(await refusal(accept(invite))).toMatchObject({ ...loginRequired, metadata: {} });
    expect(await everything()).toEqual(before);
    await logIn(app, guest.email);
  });

  test("accepted by that signed-in user gives the membership and keeps their session", async () => {
    const [owner, guest] = [await app.newAccount("Host"), await app.newAccount("Home")];
    const invite = await inviteOf(owner, { email: guest.email, role: "viewer" });
    const secret = "a password that must not be set";
    const { token, account } = await guest.invites.acceptInvite({
      ...invite,
      name: "Other",
      password: secret,
    });
    expect(token).toBe("");
    expect((await guest.sessions.listSessions({})).items).toHaveLength(1);
    const { items } = await guest.accounts.listAccounts({});
    expect(items.map((item) => item.metadata?.name).sort()).toEqual(["Home", "Host"]);
    const there = app.clientAs(guest.token, { "latchkey-account": account?.metadata?.id ?? "" });
    const { profile } = await there.profiles.whoAmI({});
    expect(profile?.spec?.name).not.toBe("Other");
    expect(await refusal(logIn(app, guest.email, secret))).toMatchObject({ reason: "INVALID_CREDENTIALS" });
  });

  test("is refused to a signed-in user of another address and stays pending", async () => {
    const [owner, thief] = [await app.newAccount(), await app.newAccount()];
    const invite = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    const before = await everything();
    expect(await refusal(accept(invite, thief))).toMatchObject(loginRequired);
    expect(await everything()).toEqual(before);
    await accept(invite);
  });

  test("is refused with a bearer that is not a live session, instead of creating a new user", async () => {
    const owner = await app.newAccount();
    const invite = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    const ended = await app.newAccount();
    await ended.sessions.logOut({});
    expect(await refusal(accept(invite, ended))).toMatchObject({ reason: "REVOKED_SESSION" });
    expect(await refusal(accept(invite, app.clientAs(app.platformToken)))).toMatchObject(loginRequired);
  });

  test("works once, for a new user and for an existing one", async () => {
    const [owner, guest] = [await app.newAccount(), await app.newAccount()];
    const invite = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    const joined = app.clientAs((await accept(invite)).token);
    const before = await everything();
    for (const caller of [app.clientAs(""), joined]) {
      expect(await refusal(accept(invite, caller))).toMatchObject({
        ...used,
        metadata: { invite_id: invite.id },
      });
    }
    expect(await everything()).toEqual(before);
    const theirs = await inviteOf(owner, { email: guest.email, role: "viewer" });
    await accept(theirs, guest);
    expect(await refusal(accept(theirs, guest))).toMatchObject(used);
  });

  test("is refused to every caller after it is revoked or expired", async () => {
    const [owner, guest] = [await app.newAccount(), await app.newAccount()];
    for (const end of ["revoked_at", "expires_at"]) {
      for (const [email, caller] of [
        [newEmail(), app.clientAs("")],
        [guest.email, guest],
        [guest.email, app.clientAs("")],
      ] as const) {
        const invite = await inviteOf(owner, { email, role: "viewer" });
        await sql`
          update invite set ${sql.ref(end)} = clock_timestamp() where id = ${invite.id}`.execute(app.db);
        expect(await refusal(accept(invite, caller))).toMatchObject(used);
      }
    }
  });

  test("is found only by its whole token", async () => {
    const owner = await app.newAccount();
    const [one, two] = [
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
      await inviteOf(owner, { email: newEmail(), role: "viewer" }),
    ];
    const told = [];
    for (const invite of [
      { id: one.id, token: two.token },
      { id: newId("inv"), token: one.token },
      { id: one.id, token: "garbage" },
      { id: one.id, token: owner.token },
      { id: one.id, token: `${one.token}x` },
    ]) {
      const { headers, ...rest } = await refusal(accept(invite));
      told.push(rest);
    }
    expect(told[0]).toMatchObject({ code: "NotFound", metadata: {} });
    for (const one of told) expect(one).toEqual(told[0]);
  });

  test("requires a name and a password that is not easily guessed from a new user", async () => {
    const owner = await app.newAccount();
    const invite = await inviteOf(owner, { email: newEmail(), role: "viewer" });
    const attempt = (fields: object) =>
      refusal(app.clientAs("").invites.acceptInvite({ ...invite, name: "Guest", password, ...fields }));
    for (const [field, fields] of [
      ["name", { name: " " }],
      ["password", { password: "" }],
      ["password", { password: "password123" }],
    ] as const) {
      expect(await attempt(fields)).toMatchObject({ violations: [{ field }] });
    }
    await accept(invite);
  });

  test("creates one user and one membership, even if many calls accept it concurrently", async () => {
    const [owner, guest] = [await app.newAccount(), await app.newAccount()];
    for (const [email, caller] of [
      [newEmail(), app.clientAs("")],
      [guest.email, guest],
    ] as const) {
      // Two invites of one address, each accepted twice.
      const invites = [await inviteOf(owner, { email, role: "viewer" }), await secondInviteOf(owner, email)];
      const all = await Promise.allSettled([...invites, ...invites].map((invite) => accept(invite, caller)));
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const one of all) {
        if (one.status === "fulfilled") continue;
        const { reason } = await refusal(Promise.reject(one.reason));
        expect(["ALREADY_USED", "ALREADY_EXISTS", "LOGIN_REQUIRED"]).toContain(reason);
      }
      const { items } = await owner.profiles.listProfiles({ query: email });
      expect(items).toHaveLength(1);
    }
  });

  test("for a member is refused and does not change the role", async () => {
    const owner = await app.newAccount();
    const email = newEmail();
    const [first, second] = [
      await inviteOf(owner, { email, role: "viewer" }),
      await secondInviteOf(owner, email),
    ];
    const joined = app.clientAs((await accept(first)).token);
    expect(await refusal(accept(second, joined))).toMatchObject({ reason: "ALREADY_EXISTS" });
    expect((await joined.profiles.whoAmI({})).principal?.permissions).toEqual(["*:read"]);
  });

  test("never admits a user who is being erased", async () => {
    const [owner, guest] = [await app.newAccount(), await app.newAccount()];
    const invite = await inviteOf(owner, { email: guest.email, role: "viewer" });
    const accepting = await app.db.transaction().execute(async (tx) => {
      await tx
        .updateTable("user")
        .set({ email: null, password_hash: null, deleted_at: new Date() })
        .where("email", "=", guest.email)
        .execute();
      const answer = refusal(accept(invite, guest));
      await Promise.race([answer, untilBlocked(app)]);
      return { answer };
    });
    expect(await accepting.answer).toMatchObject(loginRequired);
  });
});
