import { sql } from "kysely";
import { afterEach, describe, expect, test, vi } from "vitest";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { issueKey, password, startApp, useApp } from "../support/app.ts";
import { type Refusal, refusal } from "../support/errors.ts";
import { serve } from "../support/net/http.ts";

const app = useApp();
const sessions = () => app.clientAs("").sessions;
const newPerson = (email: string) => ({ email, password, name: "Ada", accountName: "Engines" });
const withoutHeaders = ({ headers, ...rest }: Refusal) => rest;
afterEach(() => void vi.useRealTimers());

describe("SignUp", () => {
  test("creates a user, an account that the user owns, and a session", async () => {
    const { account, profile, token } = await sessions().signUp(newPerson("ada@example.com"));
    expect(account).toMatchObject({ metadata: { name: "Engines", profileId: profile?.metadata?.id } });
    expect(profile?.spec).toMatchObject({ name: "Ada", email: "ada@example.com" });
    const { principal } = await app.clientAs(token).profiles.whoAmI({});
    expect(principal).toMatchObject({ accountId: account?.metadata?.id, permissions: ["*"] });
    expect(principal?.userId).toMatch(/^user_/);
  });

  test("refuses an address that has a user, in any letter case, and creates nothing", async () => {
    await sessions().signUp(newPerson("Grace@example.com"));
    const count = async () => (await app.db.selectFrom("account").select("id").execute()).length;
    const before = await count();
    for (const email of ["grace@example.com", "GRACE@EXAMPLE.COM"]) {
      const refused = await refusal(sessions().signUp(newPerson(email)));
      expect(refused).toMatchObject({ code: "AlreadyExists", reason: "ALREADY_EXISTS" });
    }
    expect(await count()).toBe(before);
  });

  test("succeeds for one of two concurrent calls", async () => {
    const both = await Promise.allSettled(
      ["twin@example.com", "TWIN@example.com"].map((email) => sessions().signUp(newPerson(email))),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const failed = both.find((one) => one.status === "rejected");
    expect(await refusal(Promise.reject(failed?.reason))).toMatchObject({ reason: "ALREADY_EXISTS" });
  });

  test.each([
    ["email", { email: "no address" }],
    ["email", { email: `${"a".repeat(250)}@example.com` }],
    ["password", { password: "too short" }],
    ["password", { password: "x".repeat(129) }],
    ["name", { name: "   " }],
    ["account_name", { accountName: "" }],
    ["account_name", { accountName: "a\tb" }],
  ])("names a wrong %s", async (field, wrong) => {
    const refused = await refusal(sessions().signUp({ ...newPerson("x@example.com"), ...wrong }));
    expect(refused).toMatchObject({ code: "InvalidArgument", violations: [{ field }] });
  });

  test("can be switched off, while log-ins still work", async () => {
    const { app: closed, end } = await startApp({ LATCHKEY_SIGNUP: "closed" });
    try {
      const { signUp, logIn } = closed.clientAs("").sessions;
      expect(await refusal(signUp(newPerson("x@example.com")))).toMatchObject({ code: "PermissionDenied" });
      const unknown = await refusal(logIn({ email: "x@example.com", password }));
      expect(unknown.reason).toBe("INVALID_CREDENTIALS");
      expect(await closed.db.selectFrom("user").select("id").execute()).toEqual([]);
    } finally {
      await end();
    }
  });
});

describe("LogIn", () => {
  test("creates another session and returns the user's accounts", async () => {
    const owner = await app.newAccount();
    await owner.accounts.createAccount({ metadata: { name: "Second" } });
    const { token, accounts } = await sessions().logIn({ email: owner.email.toUpperCase(), password });
    expect(accounts.map((account) => account.metadata?.name)).toEqual(["Acme", "Second"]);
    expect(token).not.toBe(owner.token);
    expect((await app.clientAs(token).accounts.listAccounts({})).items).toHaveLength(2);
  });

  test("has the same response for an unknown address and a wrong password", async () => {
    const { email } = await app.newAccount();
    const wrong = await refusal(sessions().logIn({ email, password: `${password}!` }));
    const unknown = await refusal(sessions().logIn({ email: "nobody@example.com", password }));
    expect(withoutHeaders(wrong)).toEqual(withoutHeaders(unknown));
    expect(wrong).toMatchObject({ code: "Unauthenticated", reason: "INVALID_CREDENTIALS", metadata: {} });
  });

  test("fails over HTTP with 401 and a challenge", async () => {
    const http = await serve(app);
    const body = { email: "nobody@example.com", password };
    const answer = await http.post(SessionService.method.logIn, { body });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
  });
});

describe("LogOut", () => {
  test("ends the session at once and no other", async () => {
    const owner = await app.newAccount();
    const other = await sessions().logIn({ email: owner.email, password });
    await owner.sessions.logOut({});
    const refused = await refusal(owner.profiles.whoAmI({}));
    expect(refused).toMatchObject({ code: "Unauthenticated", reason: "REVOKED_SESSION" });
    expect(Object.keys(refused.metadata).sort()).toEqual(["revoked_at", "session_id"]);
    expect((await refusal(owner.sessions.logOut({}))).reason).toBe("REVOKED_SESSION");
    await app.clientAs(other.token).profiles.whoAmI({});
  });

  test("is for people: a key is refused", async () => {
    const key = await issueKey(await app.newAccount(), { spec: { permissions: ["*"] } });
    for (const token of [key.token, app.platformToken]) {
      const refused = await refusal(app.clientAs(token).sessions.logOut({}));
      expect(refused).toMatchObject({ code: "Unauthenticated", reason: "LOGIN_REQUIRED" });
    }
  });
});

describe("a session", () => {
  const expired = { code: "Unauthenticated", reason: "EXPIRED_SESSION" };
  const whoAmI = (token: string) => app.clientAs(token).profiles.whoAmI({});
  // Flushes the buffered use first. Otherwise it would be written later and count as a use at that time.
  async function recordOf(token: string): Promise<string> {
    await app.app.flush();
    return `ses_${token.split("_")[2]?.slice(0, 26)}`;
  }
  const end = async (token: string) =>
    sql`update session set expires_at = clock_timestamp() where id = ${await recordOf(token)}`.execute(
      app.db,
    );
  const lastUse = async (token: string, ago: string) => {
    await sql`
      insert into session_use values (${await recordOf(token)}, clock_timestamp() - ${ago}::interval)
      on conflict (session_id) do update set last_used_at = excluded.last_used_at`.execute(app.db);
    // Only this test moves a session back in time, so it tells the cache to read the session again.
    await sql`
      update session set expires_at = expires_at + interval '1 second' where id = ${await recordOf(token)}`.execute(
      app.db,
    );
  };

  test("ends after its lifetime, even if it is in use", async () => {
    const { token } = await app.newAccount();
    await end(token);
    const refused = await refusal(whoAmI(token));
    expect(refused).toMatchObject({ ...expired, metadata: { expired_at: expect.stringMatching(/Z$/) } });
  });

  test("ends if it is unused for too long, and otherwise stays live", async () => {
    const { token } = await app.newAccount();
    await lastUse(token, "6 days 23 hours");
    await whoAmI(token);
    await lastUse(token, "7 days");
    expect(await refusal(whoAmI(token))).toMatchObject(expired);
  });

  test("counts a call as a use", async () => {
    const { token } = await app.newAccount();
    await lastUse(token, "6 days 23 hours");
    await whoAmI(token);
    const id = await recordOf(token);
    const { rows } = await sql<{ fresh: boolean }>`
      select last_used_at > clock_timestamp() - interval '1 minute' as fresh
      from session_use where session_id = ${id}`.execute(app.db);
    expect(rows).toEqual([{ fresh: true }]);
  });

  test("ends by the clock of the database, regardless of this machine's clock", async () => {
    const [living, dead] = [await app.newAccount(), await app.newAccount()];
    await end(dead.token);
    for (const year of ["2001", "2101"]) {
      vi.useFakeTimers({ toFake: ["Date"], now: new Date(`${year}-01-01`) });
      expect((await whoAmI(living.token)).principal?.userId).toBeTruthy();
      // The time of use that this instance writes is wrong by a century.
      await app.app.flush();
      expect((await whoAmI(living.token)).principal?.userId).toBeTruthy();
      expect(await refusal(whoAmI(dead.token))).toMatchObject(expired);
    }
  });
});
