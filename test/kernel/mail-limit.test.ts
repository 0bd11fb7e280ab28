import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { accountIdOf, naming, newPlatformServiceKey } from "../support/actors/acting.ts";
import { inviteOf, join as joinAs } from "../support/actors/actors.ts";
import { mailsTo } from "../support/actors/mailbox.ts";
import { type Clients, newWorkspace, type Owner, password, useApp } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

// The test mailer keeps its mails in memory. With this setting it counts as a mailer that delivers.
const app = useApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1", LATCHKEY_INVITES_PER_HOUR: "4" });
const house = useApp({ LATCHKEY_INVITES_PER_HOUR: "4" });
const limited = { code: "ResourceExhausted", reason: "RATE_LIMITED", retry: true };
let people = 0;
const newEmail = () => `mailed${++people}@example.com`;

const invite = (owner: Owner, email: string) => owner.invites.createInvite({ email, role: "viewer" });
const addMember = async (owner: Owner, email: string) =>
  owner.workspaceAdmin.addWorkspaceMember({ workspaceId: await newWorkspace(owner), email });

/** Every call by which a client makes the server send mail to an address of its choice. */
const ways = {
  CreateInvite: async (email: string) => invite(await app.newAccount(), email),
  AddWorkspaceMember: async (email: string) => addMember(await app.newAccount(), email),
  OpenAccount: (email: string) =>
    app.clientAs(app.platformToken).accounts.openAccount({ metadata: { name: "Opened" }, ownerEmail: email }),
  async InviteFirstOwner(email: string) {
    const { accounts } = app.clientAs(app.platformToken);
    const { account } = await accounts.openAccount({ metadata: { name: "Opened" } });
    return accounts.inviteFirstOwner({ accountId: account?.metadata?.id ?? "", email });
  },
  RequestPasswordReset: (email: string) => app.clientAs("").sessions.requestPasswordReset({ email }),
  ChangeEmail: async (email: string) => (await app.newAccount()).sessions.changeEmail({ email, password }),
};

describe("the limit of five mails per hour and e-mail address", () => {
  test.each(Object.entries(ways))("holds for %s, from all accounts together", async (_name, send) => {
    const email = newEmail();
    await send(email.toUpperCase());
    for (let sent = 1; sent < 5; sent++) await ways.CreateInvite(email);
    const { length } = await mailsTo(app, email);
    for (const way of [send, ways.CreateInvite]) {
      expect(await refusal(way(email))).toMatchObject({ ...limited, metadata: { limit: "5" } });
    }
    expect(await mailsTo(app, email)).toHaveLength(length);
  });

  test("has the same error whether the address has a user or not", async () => {
    const { email: known } = await app.newAccount();
    const unknown = newEmail();
    for (const way of Object.values(ways)) {
      const refusals = [];
      for (const email of [known, unknown]) {
        while ((await outcome(ways.RequestPasswordReset(email))) === "ok");
        const { headers: _, metadata, ...rest } = await refusal(way(email));
        refusals.push({ ...rest, limit: metadata.limit, names: Object.keys(metadata) });
      }
      expect(refusals[0]).toEqual(refusals[1]);
      expect(refusals[0]).toMatchObject(limited);
    }
  });

  test("covers every part of the source that sends mail", () => {
    expect(filesWith(/mailer\.send\(/)).toEqual(["domain/invite/invite.ts", "domain/user/otp.ts"]);
    expect(filesWith(/await mail(Invite|Otp)\(/)).toEqual([
      "domain/account/open.ts",
      "domain/invite/invite.ts",
      "domain/user/email.ts",
      "domain/user/password-change.ts",
    ]);
  });

  test("does not hold if no mail leaves the server: an invite then shows its token and counts only for its account", async () => {
    const email = newEmail();
    for (let sent = 0; sent < 6; sent++) {
      const owner = await house.newAccount();
      expect((await inviteOf(owner, { email, role: "viewer" })).token).not.toBe("");
    }
  });
});

describe.each([
  ["with", app],
  ["without", house],
])("an account invites a limited number of addresses per hour %s SMTP", (_with, app) => {
  test("counts the mails of all calls and callers together, and an invite beyond it is neither stored nor mailed", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    for (let made = 0; made < 2; made++) {
      await invite(owner, newEmail());
      await addMember(owner, newEmail());
    }
    for (const send of [invite, addMember]) {
      const email = newEmail();
      expect(await refusal(send(owner, email))).toMatchObject({ ...limited, metadata: { limit: "4" } });
      expect(await mailsTo(app, email)).toEqual([]);
    }
    expect((await owner.invites.listInvites({ showAll: true })).items).toHaveLength(4);
    await invite(other, newEmail());
  });

  test("does not count a refused invite", async () => {
    const owner = await app.newAccount();
    const email = newEmail();
    for (let tried = 0; tried < 5; tried++) {
      expect(await outcome(owner.invites.createInvite({ email, role: "unknown" }))).toBe("InvalidArgument");
      expect(await outcome(invite(owner, owner.email))).toBe("ALREADY_EXISTS");
    }
    for (let made = 0; made < 4; made++) await invite(owner, made === 0 ? email : newEmail());
    // The refusals of the account did not count for the recipient's address.
    for (let tried = 0; tried < 5; tried++)
      expect(await outcome(invite(owner, newEmail()))).toBe("RATE_LIMITED");
    for (let sent = 1; sent < 5; sent++) await invite(await app.newAccount(), email);
  });

  test("lets a retry of the last invite get the result of the first try", async () => {
    const owner = await app.newAccount();
    const request = { email: newEmail(), role: "viewer", requestId: "the-last-one" };
    for (let made = 0; made < 3; made++) await invite(owner, newEmail());
    const { invite: made } = await owner.invites.createInvite(request);
    expect(await refusal(owner.invites.createInvite(request))).toMatchObject({
      reason: "ALREADY_EXISTS",
      metadata: { id: made?.metadata?.id },
    });
  });
});

test("a member who gets a workspace by e-mail address gets no mail and does not count", async () => {
  const owner = await house.newAccount();
  const email = newEmail();
  await joinAs(house, owner, { email, role: "viewer" });
  for (let granted = 0; granted < 5; granted++) await addMember(owner, email);
  expect(await mailsTo(house, email)).toHaveLength(1);
  for (let made = 1; made < 4; made++) await invite(owner, newEmail());
});

describe("an address with a pending invite", () => {
  test("cannot be invited again to the same account, and the error names the pending invite", async () => {
    const owner = await house.newAccount();
    const email = newEmail();
    const { id } = await inviteOf(owner, { email, role: "viewer" });
    for (const send of [invite, addMember]) {
      expect(await refusal(send(owner, ` ${email.toUpperCase()}`.trim()))).toMatchObject({
        code: "AlreadyExists",
        reason: "ALREADY_EXISTS",
        metadata: { id },
      });
    }
    await invite(await house.newAccount(), email);
  });

  test.each(["revoked", "expired"])("can be invited again after that invite is %s", async (end) => {
    const owner = await house.newAccount();
    const email = newEmail();
    const { id } = await inviteOf(owner, { email, role: "viewer" });
    if (end === "revoked") await owner.invites.revokeInvite({ id });
    else await sql`update invite set expires_at = clock_timestamp() where id = ${id}`.execute(house.db);
    expect((await inviteOf(owner, { email, role: "viewer" })).id).not.toBe(id);
  });

  test("has only one, even if many calls invite it concurrently", async () => {
    const owner = await house.newAccount();
    const email = newEmail();
    const told = await Promise.all(Array.from({ length: 8 }, () => outcome(invite(owner, email))));
    expect(told.toSorted()).toEqual([...Array(7).fill("ALREADY_EXISTS"), "ok"]);
  });
});

function filesWith(pattern: RegExp): string[] {
  const root = join(import.meta.dirname, "../../src");
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return names.filter((name) => pattern.test(readFileSync(join(root, name), "utf8"))).toSorted();
}

test("invites by a platform key that acts count for the key and the account, and not for the account's own limit", async () => {
  const [owner, other] = [await house.newAccount(), await house.newAccount()];
  const { token } = await newPlatformServiceKey(house, ["*"]);
  const acting = (account: Owner) => naming(house, token, accountIdOf(account));
  const invitePerson = ({ invites }: Clients) => invites.createInvite({ email: newEmail(), role: "viewer" });
  for (let sent = 0; sent < 4; sent++) await invitePerson(acting(owner));
  expect(await refusal(invitePerson(acting(owner)))).toMatchObject({ ...limited, metadata: { limit: "4" } });
  await invitePerson(acting(other));
  for (let sent = 0; sent < 4; sent++) await invitePerson(owner);
  expect(await refusal(invitePerson(owner))).toMatchObject(limited);
});
