import { describe, expect, test } from "vitest";
import { logIn } from "../support/actors/actors.ts";
import { mailedToken, mailsTo } from "../support/actors/mailbox.ts";
import { password, startApp, type TestApp, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
const prove = async (email: string, where: TestApp = app) =>
  where.clientAs("").sessions.proveEmail({ token: await mailedToken(where, email) });

async function stored(email: string, where: TestApp = app) {
  const { email_proven_at: provenAt } = await where.db
    .selectFrom("user")
    .select("email_proven_at")
    .where("email", "=", email)
    .executeTakeFirstOrThrow();
  return { proven: provenAt !== null };
}

describe("ChangeEmail", () => {
  test("changes nothing until the new address is proven", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changeEmail({ email: "New@example.com", password });
    expect((await mailsTo(app, "new@example.com")).map((mail) => mail.to)).toEqual(["new@example.com"]);
    expect((await owner.profiles.whoAmI({})).profile?.spec?.email).toBe(owner.email);
    await logIn(app, owner.email);
    expect((await refusal(logIn(app, "new@example.com"))).reason).toBe("INVALID_CREDENTIALS");

    await prove("new@example.com");
    expect((await owner.profiles.whoAmI({})).profile?.spec?.email).toBe("new@example.com");
    await logIn(app, "new@example.com");
    expect((await refusal(logIn(app, owner.email))).reason).toBe("INVALID_CREDENTIALS");
  });

  test("needs the password, so a stolen session alone sends no mail", async () => {
    const owner = await app.newAccount();
    const change = owner.sessions.changeEmail({ email: "thief@example.com", password: "a wrong password" });
    expect(await refusal(change)).toMatchObject({ reason: "INVALID_CREDENTIALS" });
    expect(await mailsTo(app, "thief@example.com")).toEqual([]);
  });

  test("does not reveal that an address is taken until its owner proves it, which fails with ALREADY_EXISTS", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const free = await owner.sessions.changeEmail({ email: "free@example.com", password });
    const taken = await owner.sessions.changeEmail({ email: other.email, password });
    expect(taken).toEqual(free);
    const refused = await refusal(prove(other.email));
    expect(refused).toMatchObject({ code: "AlreadyExists", reason: "ALREADY_EXISTS" });
    expect((await owner.profiles.whoAmI({})).profile?.spec?.email).toBe(owner.email);
    await logIn(app, other.email);
  });

  test("gives an address that two users prove concurrently to one of them", async () => {
    const [one, two] = [await app.newAccount(), await app.newAccount()];
    const email = "wanted@example.com";
    const tokens: string[] = [];
    for (const user of [one, two]) {
      await user.sessions.changeEmail({ email, password });
      tokens.push(await mailedToken(app, email));
    }
    const both = await Promise.allSettled(
      tokens.map((token) => app.clientAs("").sessions.proveEmail({ token })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const failed = both.find((result) => result.status === "rejected");
    expect(await refusal(Promise.reject(failed?.reason))).toMatchObject({ reason: "ALREADY_EXISTS" });
  });

  test("ends the token of an earlier change", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changeEmail({ email: "first@example.com", password });
    await owner.sessions.changeEmail({ email: "second@example.com", password });
    expect(await refusal(prove("first@example.com"))).toMatchObject({ reason: "INVALID_CREDENTIALS" });
    await prove("second@example.com");
    expect(await refusal(prove("second@example.com"))).toMatchObject({ reason: "ALREADY_USED" });
  });

  test("stores no address in the events of the accounts", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changeEmail({ email: "private@example.com", password });
    await prove("private@example.com");
    const { items } = await owner.audit.listAuditEvents({});
    const [event] = items.filter((item) => item.method.endsWith("/ProveEmail"));
    expect(event).toMatchObject({ resourceType: "user", profileId: owner.profile.metadata?.id });
    const events = await app.db.selectFrom("audit_event").selectAll().execute();
    expect(JSON.stringify(events)).not.toContain("private@example.com");
  });
});

describe("the proof of an address", () => {
  test("needs a token that was mailed to it", async () => {
    const owner = await app.newAccount();
    expect(await stored(owner.email)).toEqual({ proven: false });
    await app.clientAs("").sessions.requestPasswordReset({ email: owner.email });
    const token = await mailedToken(app, owner.email);
    expect(await stored(owner.email)).toEqual({ proven: false });
    await app.clientAs("").sessions.resetPassword({ token, password });
    expect(await stored(owner.email)).toEqual({ proven: true });
  });

  test("works for the current address, without a change", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changeEmail({ email: owner.email, password });
    await prove(owner.email);
    expect(await stored(owner.email)).toEqual({ proven: true });
    await owner.profiles.whoAmI({});
  });

  test("does not happen if mail only goes to files, and does not carry over to another address", async () => {
    const { app: house, end } = await startApp();
    try {
      const owner = await house.newAccount();
      await house.clientAs("").sessions.requestPasswordReset({ email: owner.email });
      await house
        .clientAs("")
        .sessions.resetPassword({ token: await mailedToken(house, owner.email), password });
      expect(await stored(owner.email, house)).toEqual({ proven: false });

      await house.db.updateTable("user").set({ email_proven_at: new Date() }).execute();
      const again = await logIn(house, owner.email);
      await again.sessions.changeEmail({ email: "next@example.com", password });
      await prove("next@example.com", house);
      expect(await stored("next@example.com", house)).toEqual({ proven: false });
    } finally {
      await end();
    }
  });
});
