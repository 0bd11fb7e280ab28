import { describe, expect, test } from "vitest";
import { inviteOf } from "../support/actors/actors.ts";
import { password, useApp } from "../support/app.ts";
import {
  cookieName,
  fromOwnPage,
  openBrowser,
  reasonOf,
  removed,
  tokenSetBy,
} from "../support/net/console.ts";

const app = useApp({ LATCHKEY_SESSION_LIFETIME: "2h" });
const paths = {
  connect: (name: string) => `/latchkey.v1.SessionService/${name}`,
  signUp: "/v1/auth/signup",
  logIn: "/v1/auth/login",
};
const sessions = () => app.db.selectFrom("session").select("id").where("ended_at", "is", null).execute();

describe.each([1, 2] as const)("over HTTP/%i", (version) => {
  test("SignUp keeps the session in a cookie of this host alone, and returns no token", async () => {
    const { answer, token } = await openBrowser(app, version);
    expect(answer.json).toMatchObject({ token: "", account: { metadata: { name: "Acme" } } });
    expect(answer.headers["set-cookie"]).toBe(
      `${cookieName}=${token}; Max-Age=7200; Path=/; Secure; HttpOnly; SameSite=Strict`,
    );
    expect(token).toMatch(/^lk_ses_/);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.bytes.toString()).not.toContain(token);
  });

  test.each([paths.connect("LogIn"), paths.logIn])("%s does so too", async (path) => {
    const { send, email } = await openBrowser(app, version);
    const body = JSON.stringify({ email, password });
    const answer = await send({ path, headers: fromOwnPage, body });
    expect(answer.json).toMatchObject({ token: "", accounts: [{}] });
    const cookie = `${cookieName}=${tokenSetBy(answer)}`;
    const path2 = "/latchkey.v1.ProfileService/WhoAmI";
    const whoAmI = await send({ path: path2, headers: { ...fromOwnPage, cookie } });
    expect(whoAmI.json).toMatchObject({ profile: { spec: { email } } });
  });

  test("without the header of the console, LogIn returns the token and sets no cookie", async () => {
    const { send, email } = await openBrowser(app, version);
    const body = JSON.stringify({ email, password });
    const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
    for (const path of [paths.connect("LogIn"), paths.logIn]) {
      const answer = await send({ path, headers, body });
      expect(answer.json).toMatchObject({ token: expect.stringMatching(/^lk_ses_/) });
      expect(answer.headers).not.toHaveProperty("set-cookie");
    }
  });

  test("a foreign page cannot sign the browser up or in", async () => {
    const { send, email } = await openBrowser(app, version);
    const before = await sessions();
    const signUp = { email: "new@example.com", password, name: "New", accountName: "New" };
    for (const site of ["cross-site", "same-site", "none"]) {
      const headers = { ...fromOwnPage, "sec-fetch-site": site };
      const calls = [
        { path: paths.connect("LogIn"), body: JSON.stringify({ email, password }) },
        { path: paths.logIn, body: JSON.stringify({ email, password }) },
        { path: paths.connect("SignUp"), body: JSON.stringify(signUp) },
        { path: paths.signUp, body: JSON.stringify(signUp) },
        { path: paths.connect("ResetPassword"), body: JSON.stringify({ token: "x", password }) },
        { path: paths.connect("LogOut"), body: "{}" },
      ];
      for (const call of calls) {
        const answer = await send({ ...call, headers });
        expect([answer.status, reasonOf(answer)], call.path).toEqual([403, "FOREIGN_ORIGIN"]);
        expect(answer.headers).not.toHaveProperty("set-cookie");
      }
    }
    expect(await sessions()).toEqual(before);
    const made = app.db.selectFrom("user").select("id").where("email", "=", signUp.email);
    expect(await made.execute()).toEqual([]);
  });
});

describe.each([1, 2] as const)("over HTTP/%i", (version) => {
  test("LogOut ends the session, and removes the cookie and what the pages stored", async () => {
    const { send, cookie } = await openBrowser(app, version);
    const headers = { ...fromOwnPage, cookie };
    const answer = await send({ path: paths.connect("LogOut"), headers });
    expect(answer.status).toBe(200);
    expect(answer.headers["set-cookie"]).toBe(removed);
    expect(answer.headers["clear-site-data"]).toBe('"storage"');
    const again = await send({ path: paths.connect("ListSessions"), headers });
    expect(reasonOf(again)).toBe("REVOKED_SESSION");
  });

  test("a rejected session is removed from the browser, a wrong password is not a rejected session", async () => {
    const { send, cookie, token } = await openBrowser(app, version);
    const headers = { ...fromOwnPage, cookie };
    const change = JSON.stringify({ oldPassword: "wrong", newPassword: `${password} new` });
    const wrong = await send({ path: paths.connect("ChangePassword"), headers, body: change });
    expect([reasonOf(wrong), wrong.headers["set-cookie"]]).toEqual(["INVALID_CREDENTIALS", undefined]);
    await app.clientAs(token).sessions.logOut({});
    for (const path of [paths.connect("ListSessions"), paths.connect("LogOut")]) {
      const rejected = await send({ path, headers });
      expect([reasonOf(rejected), rejected.headers["set-cookie"]], path).toEqual([
        "REVOKED_SESSION",
        removed,
      ]);
      expect(rejected.headers).not.toHaveProperty("clear-site-data");
    }
  });
});

test("a person who accepts an invite gets the session in the cookie, and a signed-in person keeps theirs", async () => {
  const owner = await app.newAccount();
  const { send } = await openBrowser(app);
  const path = "/latchkey.v1.InviteService/AcceptInvite";
  const invite = await inviteOf(owner, { email: "invited@example.com", role: "viewer" });
  const body = JSON.stringify({ ...invite, name: "Invited", password });
  const answer = await send({ path, headers: fromOwnPage, body });
  expect(answer.json).toMatchObject({ token: "" });
  const cookie = `${cookieName}=${tokenSetBy(answer)}`;
  const other = await app.newAccount();
  const second = await inviteOf(other, { email: "invited@example.com", role: "viewer" });
  const joined = await send({ path, headers: { ...fromOwnPage, cookie }, body: JSON.stringify(second) });
  expect([joined.status, joined.headers["set-cookie"]]).toEqual([200, undefined]);
  const whoAmI = { path: "/latchkey.v1.AccountService/ListAccounts", headers: { ...fromOwnPage, cookie } };
  expect((await send(whoAmI)).json).toMatchObject({ items: [{}, {}] });
});

test("the session of the cookie reaches no log", async () => {
  const { send, cookie, token } = await openBrowser(app);
  await send({ path: paths.connect("ListSessions"), headers: { ...fromOwnPage, cookie } });
  await send({ path: "/nowhere", headers: { ...fromOwnPage, cookie } });
  await send({ path: paths.connect("LogOut"), headers: { ...fromOwnPage, cookie } });
  const log = app.logLines.join("\n");
  expect(log).toContain("SessionService/LogOut");
  expect(log).not.toContain(token.slice(-38));
});
