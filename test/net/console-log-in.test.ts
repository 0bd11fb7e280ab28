import { describe, expect, test } from "vitest";
import { inviteOf } from "../support/actors/actors.ts";
import { mailedToken } from "../support/actors/mailbox.ts";
import { password, useApp } from "../support/app.ts";
import type { RawAnswer, RawRequest } from "../support/http-json/raw.ts";
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

  test("no refusal removes the cookie, because a late one would remove that of a newer session", async () => {
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
        undefined,
      ]);
      expect(rejected.headers).not.toHaveProperty("clear-site-data");
    }
  });

  test("with an ended session in the cookie, a person logs in, and a new user accepts an invite", async () => {
    const { send, cookie, token, email } = await openBrowser(app, version);
    await app.clientAs(token).sessions.logOut({});
    const headers = { ...fromOwnPage, cookie };
    const body = JSON.stringify({ email, password });
    const loggedIn = await send({ path: paths.connect("LogIn"), headers, body });
    expect(tokenSetBy(loggedIn)).toMatch(/^lk_ses_/);
    const invite = await inviteOf(await app.newAccount(), { email: `new-${email}`, role: "viewer" });
    const path = "/latchkey.v1.InviteService/AcceptInvite";
    const accepted = await send({
      path,
      headers,
      body: JSON.stringify({ ...invite, name: "New", password }),
    });
    expect([accepted.status, tokenSetBy(accepted)]).toEqual([200, expect.stringMatching(/^lk_ses_/)]);
    // A bearer that the client itself sends is refused, whatever the call is.
    const other = await inviteOf(await app.newAccount(), { email: `other-${email}`, role: "viewer" });
    const refused = await send({
      path,
      headers: { ...fromOwnPage, authorization: `Bearer ${token}` },
      body: JSON.stringify({ ...other, name: "Other", password }),
    });
    expect(reasonOf(refused)).toBe("REVOKED_SESSION");
  });
});

describe("a new password", () => {
  const newPassword = "staple battery horse correct";

  test("ChangePassword replaces the session of the cookie, so that a stolen copy of it ends too", async () => {
    const { send, cookie, token, email } = await openBrowser(app);
    const elsewhere = await app.clientAs("").sessions.logIn({ email, password });
    const invited = await inviteOf(app.clientAs(token), { email: "guest@example.com", role: "viewer" });
    const headers = { ...fromOwnPage, cookie };
    const body = JSON.stringify({ oldPassword: password, newPassword });
    const changed = await send({ path: paths.connect("ChangePassword"), headers, body });
    expect([changed.status, changed.json]).toEqual([200, {}]);
    const renewed = `${cookieName}=${tokenSetBy(changed)}`;
    expect(await whoIs(send, renewed)).toBe(email);
    expect(await whoIs(send, cookie)).toBe("REVOKED_SESSION");
    expect(await whoIs(send, `${cookieName}=${elsewhere.token}`)).toBe("REVOKED_SESSION");
    // What the session made pending stays, because it was not revoked for security.
    const { invites, sessions: own } = app.clientAs(tokenSetBy(changed) ?? "");
    expect((await invites.listInvites({})).items).toMatchObject([{ metadata: { id: invited.id } }]);
    expect((await own.listSessions({})).items).toMatchObject([{ current: true }]);
  });

  test("with a bearer, ChangePassword keeps the session of the bearer and sets no cookie", async () => {
    const { send, token, email } = await openBrowser(app);
    const headers = { ...fromOwnPage, authorization: `Bearer ${token}` };
    const body = JSON.stringify({ oldPassword: password, newPassword });
    const changed = await send({ path: paths.connect("ChangePassword"), headers, body });
    expect([changed.status, changed.headers["set-cookie"]]).toEqual([200, undefined]);
    expect(await whoIs(send, `${cookieName}=${token}`)).toBe(email);
  });

  test("ResetPassword signs the browser in only with the header of the console, and ends all earlier sessions", async () => {
    const { send, cookie, email } = await openBrowser(app);
    const reset = async (headers: Record<string, string>, secret: string) => {
      await app.clientAs("").sessions.requestPasswordReset({ email });
      const body = JSON.stringify({ token: await mailedToken(app, email), password: secret });
      return send({ path: paths.connect("ResetPassword"), headers, body });
    };
    const plain = await reset({ "content-type": "application/json" }, newPassword);
    expect([plain.status, plain.json, plain.headers["set-cookie"]]).toEqual([200, {}, undefined]);
    expect(await app.clientAs("").sessions.logIn({ email, password: newPassword })).toBeDefined();
    const fromConsole = await reset(fromOwnPage, password);
    expect([fromConsole.status, fromConsole.json]).toEqual([200, {}]);
    expect(await whoIs(send, `${cookieName}=${tokenSetBy(fromConsole)}`)).toBe(email);
    expect(await whoIs(send, cookie)).toBe("REVOKED_SESSION");
    const { items } = await app.clientAs(tokenSetBy(fromConsole) ?? "").sessions.listSessions({});
    expect(items).toHaveLength(1);
  });
});

async function whoIs(send: (request: RawRequest) => Promise<RawAnswer>, cookie: string) {
  const path = "/latchkey.v1.ProfileService/WhoAmI";
  const answer = await send({ path, headers: { ...fromOwnPage, cookie } });
  const { profile } = answer.json as { profile?: { spec: { email: string } } };
  return profile?.spec.email ?? reasonOf(answer);
}

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
