import { describe, expect, test } from "vitest";
import { argon2id } from "../../src/domain/user/password.ts";
import { logIn } from "../support/actors/actors.ts";
import { password, useApp } from "../support/app.ts";
import { untilBlocked } from "../support/database/waiting.ts";
import { refusal } from "../support/errors.ts";

const app = useApp({}, { passwordCost: argon2id });
const newPassword = "staple battery horse correct";
const sessions = () => app.clientAs("").sessions;
const wrong = { code: "Unauthenticated", reason: "INVALID_CREDENTIALS", metadata: {} };
const revoked = { code: "Unauthenticated", reason: "REVOKED_SESSION" };

async function hashOf(email: string): Promise<string> {
  const { password_hash } = await app.db
    .selectFrom("user")
    .select("password_hash")
    .where("email", "=", email)
    .executeTakeFirstOrThrow();
  return password_hash ?? "";
}

describe("a password", () => {
  test("is stored as Argon2id with OWASP's parameters, each with its own salt", async () => {
    const [one, two] = [await app.newAccount(), await app.newAccount()];
    const hashes = [await hashOf(one.email), await hashOf(two.email)];
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    }
    expect(new Set(hashes).size).toBe(2);
  });

  test.each([
    ["password123", "a commonly used password"],
    ["aaaaaaaaaaaa", 'a repeated character such as "aaa"'],
    ["janejanejane", 'a repeated pattern such as "abcabc"'],
    ["abcdefghij", 'a sequence such as "abc"'],
    ["zxcvbnm,./", "a row of the keyboard"],
    ["qwertyuiop1", "much like a commonly used password"],
    ["1234567890", "one of the hundred most used passwords"],
    ["2001-01-01", "a date"],
    ["ada@example.com", "what others know about you"],
    ["Engines123", "what others know about you"],
  ])("that is easily guessed is refused with a reason that people understand: %s", async (weak, why) => {
    const person = { email: "ada@example.com", name: "Ada", accountName: "Engines", password: weak };
    const refused = await refusal(sessions().signUp(person));
    expect(refused).toMatchObject({ code: "InvalidArgument", violations: [{ field: "password" }] });
    expect(refused.violations[0]?.description).toMatch(/^expected a password that is harder to guess: \w+ /);
    expect(refused.message).toContain(why);
    expect(refused.message).not.toContain(weak);
  });
});

describe("ChangePassword", () => {
  test("sets the password and ends all other sessions of the user and no others", async () => {
    const [owner, bystander] = [await app.newAccount(), await app.newAccount()];
    const elsewhere = [await logIn(app, owner.email), await logIn(app, owner.email)];
    await owner.sessions.changePassword({ oldPassword: password, newPassword });
    await owner.profiles.whoAmI({});
    await bystander.profiles.whoAmI({});
    for (const ended of elsewhere) {
      expect(await refusal(ended.profiles.whoAmI({}))).toMatchObject(revoked);
    }
    expect(await refusal(logIn(app, owner.email))).toMatchObject(wrong);
    await logIn(app, owner.email, newPassword);
  });

  test("needs the old password, so a stolen session alone changes nothing", async () => {
    const owner = await app.newAccount();
    const elsewhere = await logIn(app, owner.email);
    const before = await hashOf(owner.email);
    const change = owner.sessions.changePassword({ oldPassword: "a wrong password", newPassword });
    expect(await refusal(change)).toMatchObject(wrong);
    expect(await hashOf(owner.email)).toBe(before);
    await elsewhere.profiles.whoAmI({});
  });

  test("refuses a new password that is easily guessed, for example from the user's name", async () => {
    const owner = await app.newAccount();
    for (const weak of ["password123", owner.email]) {
      const change = owner.sessions.changePassword({ oldPassword: password, newPassword: weak });
      expect(await refusal(change)).toMatchObject({ violations: [{ field: "new_password" }] });
    }
    await logIn(app, owner.email);
  });

  test("succeeds for one of two concurrent calls", async () => {
    const owner = await app.newAccount();
    const both = await Promise.allSettled(
      [newPassword, `${newPassword}!`].map((next) =>
        owner.sessions.changePassword({ oldPassword: password, newPassword: next }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("writes no event with a password or a hash", async () => {
    const owner = await app.newAccount();
    await owner.sessions.changePassword({ oldPassword: password, newPassword });
    const { items } = await owner.audit.listAuditEvents({});
    const [event] = items.filter((item) => item.method.endsWith("/ChangePassword"));
    expect(event).toMatchObject({ resourceType: "user", after: { password: "changed" } });
    const rows = await app.db.selectFrom("audit_event").selectAll().execute();
    for (const secret of [password, newPassword, await hashOf(owner.email)]) {
      expect(JSON.stringify(rows)).not.toContain(secret);
    }
  });
});

test("a log-in with a password that changes meanwhile gets no session", async () => {
  const owner = await app.newAccount();
  const signIn = await app.db.transaction().execute(async (tx) => {
    await tx.updateTable("user").set({ password_hash: "changed" }).where("email", "=", owner.email).execute();
    const answer = refusal(logIn(app, owner.email));
    await Promise.race([answer, untilBlocked(app)]);
    return { answer };
  });
  expect(await signIn.answer).toMatchObject(wrong);
});
