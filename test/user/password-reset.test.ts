import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { logIn } from "../support/actors/actors.ts";
import { mailedToken, mailsTo } from "../support/actors/mailbox.ts";
import { password, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
const newPassword = "staple battery horse correct";
const sessions = () => app.clientAs("").sessions;
const reset = (token: string, secret = newPassword) => sessions().resetPassword({ token, password: secret });
const unknown = { code: "Unauthenticated", reason: "INVALID_CREDENTIALS", metadata: {} };
const used = { code: "FailedPrecondition", reason: "ALREADY_USED" };

async function requested(email: string): Promise<string> {
  await sessions().requestPasswordReset({ email });
  return mailedToken(app, email);
}

describe("RequestPasswordReset", () => {
  test("mails a token only to an address that has a user, in any letter case", async () => {
    const { email } = await app.newAccount();
    await sessions().requestPasswordReset({ email: email.toUpperCase() });
    await sessions().requestPasswordReset({ email: "stranger@example.com" });
    const [mail, ...more] = await mailsTo(app, email);
    expect(more).toEqual([]);
    expect(mail?.text).toMatch(/^lk_otp_\w+$/m);
    expect(mail?.subject).not.toMatch(/otp/);
    expect(await mailsTo(app, "stranger@example.com")).toEqual([]);
  });

  test("has the same response and the same limit for every address", async () => {
    const { email } = await app.newAccount();
    const told = [];
    for (const address of [email, "nobody@example.com"]) {
      const answers = [];
      for (let i = 0; i < 6; i++) {
        const asked = sessions().requestPasswordReset({ email: address });
        answers.push(await asked.then(JSON.stringify, () => refusal(asked)));
      }
      expect(answers.slice(0, 5)).toEqual(Array(5).fill(answers[0]));
      expect(answers[5]).toMatchObject({
        code: "ResourceExhausted",
        reason: "RATE_LIMITED",
        retry: true,
        metadata: { limit: "5", remaining: "0", reset_at: expect.stringMatching(/Z$/) },
      });
      told.push(answers.slice(0, 5));
    }
    expect(told[0]).toEqual(told[1]);
    expect(await mailsTo(app, email)).toHaveLength(5);
  });

  test("stores only a hash of the token", async () => {
    const { email } = await app.newAccount();
    const token = await requested(email);
    const rows = await app.db.selectFrom("otp").selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(token.slice(-38));
    const { rows: events } = await sql<{ all: string }>`
      select coalesce(string_agg(t::text, ''), '') as all from audit_event t`.execute(app.db);
    expect(events[0]?.all).not.toContain(token.slice(-38));
  });
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("ResetPassword", () => {
  test("sets the password and ends all sessions of the user and no others", async () => {
    const [owner, bystander] = [await app.newAccount(), await app.newAccount()];
    const elsewhere = await logIn(app, owner.email);
    await reset(await requested(owner.email));
    for (const ended of [owner, elsewhere]) {
      expect(await refusal(ended.profiles.whoAmI({}))).toMatchObject({ reason: "REVOKED_SESSION" });
    }
    await bystander.profiles.whoAmI({});
    expect(await refusal(logIn(app, owner.email))).toMatchObject(unknown);
    await logIn(app, owner.email, newPassword);
  });

  test("works once, even for many concurrent calls", async () => {
    const { email } = await app.newAccount();
    const token = await requested(email);
    const all = await Promise.allSettled([0, 1, 2, 3].map((n) => reset(token, `${newPassword} ${n}`)));
    const failed = all.filter((one) => one.status === "rejected");
    expect(failed).toHaveLength(3);
    for (const { reason } of failed) expect(await refusal(Promise.reject(reason))).toMatchObject(used);
    expect(await refusal(reset(token))).toMatchObject(used);
  });

  test("is refused after an hour", async () => {
    const { email } = await app.newAccount();
    const token = await requested(email);
    const { rows } = await sql<{ lives: string }>`
      select (max(expires_at - created_at))::text as lives from otp`.execute(app.db);
    expect(rows[0]?.lives).toMatch(/^0?1:00:00|^00:59:59/);
    await sql`update otp set expires_at = clock_timestamp()`.execute(app.db);
    expect(await refusal(reset(token))).toMatchObject({ ...used, message: expect.stringMatching(/expired/) });
    await logIn(app, email);
  });

  test("is refused after a newer token was requested, even concurrently", async () => {
    const { email } = await app.newAccount();
    const older = await requested(email);
    await Promise.all([1, 2, 3].map(() => sessions().requestPasswordReset({ email })));
    const newer = (await mailsTo(app, email)).slice(1).map(({ text }) => /lk_otp_\w+/.exec(text)?.[0] ?? "");
    expect(new Set(newer).size).toBe(3);
    expect(await refusal(reset(older))).toMatchObject(unknown);
    const all = await Promise.allSettled(newer.map((token) => reset(token)));
    expect(all.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected"]);
  });

  test("ends with a change of the password, and ends a pending change of the address", async () => {
    const owner = await app.newAccount();
    const token = await requested(owner.email);
    await owner.sessions.changePassword({ oldPassword: password, newPassword });
    expect(await refusal(reset(token))).toMatchObject(unknown);
    await owner.sessions.changeEmail({ email: "taken-over@example.com", password: newPassword });
    await reset(await requested(owner.email), password);
    const prove = sessions().proveEmail({ token: await mailedToken(app, "taken-over@example.com") });
    expect(await refusal(prove)).toMatchObject(unknown);
    await logIn(app, owner.email);
  });

  test("is refused if the user no longer has the address, and changes nothing", async () => {
    const owner = await app.newAccount();
    const token = await requested(owner.email);
    await owner.sessions.changeEmail({ email: "moved@example.com", password });
    await sessions().proveEmail({ token: await mailedToken(app, "moved@example.com") });
    expect(await refusal(reset(token))).toMatchObject(unknown);
    await owner.profiles.whoAmI({});
    await logIn(app, "moved@example.com");
  });

  test("refuses garbage, a token for another purpose and a session token", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changeEmail({ email: "prove@example.com", password });
    const prove = await mailedToken(app, "prove@example.com");
    for (const token of ["garbage", prove, owner.token]) {
      expect(await refusal(reset(token))).toMatchObject(unknown);
    }
    const token = await requested(owner.email);
    expect(await refusal(sessions().proveEmail({ token }))).toMatchObject(unknown);
    await owner.profiles.whoAmI({});
  });

  test("evaluates no password for a token that cannot be used", async () => {
    const { email } = await app.newAccount();
    const token = await requested(email);
    await reset(token);
    expect(await refusal(reset("garbage", "password123"))).toMatchObject(unknown);
    expect(await refusal(reset(token, "password123"))).toMatchObject(used);
  });

  test("refuses a weak password and leaves the token usable", async () => {
    const { email } = await app.newAccount();
    const token = await requested(email);
    expect(await refusal(reset(token, "password123"))).toMatchObject({ violations: [{ field: "password" }] });
    await reset(token);
  });
});
