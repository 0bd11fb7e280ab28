import type { DescMethod } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import { InviteService } from "../../gen/latchkey/v1/invite_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { inviteOf, logIn } from "../support/actors/actors.ts";
import { password, useApp } from "../support/app.ts";
import { type Answer, detailOf, serve } from "../support/net/http.ts";

const app = useApp({
  LATCHKEY_TRUSTED_PROXIES: "127.0.0.1",
  LATCHKEY_SIGNUPS_PER_HOUR: "12",
  LATCHKEY_PASSWORD_CHANGES_PER_HOUR: "3",
  LATCHKEY_MAILS_PER_HOUR: "3",
});
const newPassword = "staple battery horse correct";
let networks = 0;

/** Creates a client with a /64 network of its own, and another address in it for each call. */
async function newClient() {
  const http = await serve(app);
  const network = `2001:db8:${++networks}:0`;
  let hosts = 0;
  return (method: DescMethod, body: Record<string, unknown>, token = "") =>
    http.post(method, {
      body,
      ...(token !== "" && { token }),
      headers: { "x-forwarded-for": `${network}::${(++hosts).toString(16)}` },
    });
}

function expectLimited(answer: Answer, limit: string): void {
  expect(answer.status).toBe(429);
  expect(detailOf(answer, "google.rpc.ErrorInfo")).toMatchObject({
    reason: "RATE_LIMITED",
    metadata: { limit, remaining: "0" },
  });
  expect(detailOf(answer, "google.rpc.RetryInfo")).toBeDefined();
  const seconds = Number(answer.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(3_000);
  expect(seconds).toBeLessThanOrEqual(3_600);
}

// This password is too weak to be hashed. A sign-up counts before its password is evaluated.
const weak = (email: string) => ({ email, password: "password123", name: "Ada", accountName: "Engines" });

test("one address can create a limited number of people and accounts per hour, by all paths together", async () => {
  const [owner, host] = [await app.newAccount(), await app.newAccount()];
  const [client, other] = [await newClient(), await newClient()];
  const { signUp } = SessionService.method;
  const { createAccount } = AccountService.method;
  const { acceptInvite } = InviteService.method;
  const again = await inviteOf(host, { email: owner.email, role: "viewer" });
  const invite = { ...(await inviteOf(owner, { email: "new@example.com", role: "viewer" })), name: "New" };
  for (let i = 0; i < 4; i++) expect((await client(signUp, weak(`ada${i}@example.com`))).status).toBe(400);
  for (let i = 0; i < 4; i++) {
    const answer = await client(acceptInvite, { ...invite, password: "password123" });
    expect(answer.status).toBe(400);
  }
  for (let i = 0; i < 4; i++) {
    expect((await client(createAccount, { metadata: { name: "Another" } }, owner.token)).status).toBe(200);
  }
  expectLimited(await client(signUp, weak("ada@example.com")), "12");
  expectLimited(await client(acceptInvite, { ...invite, password }), "12");
  expectLimited(await client(createAccount, { metadata: { name: "Another" } }, owner.token), "12");
  // The limit does not affect another network, or a user who accepts an invite without a new password.
  expect((await other(acceptInvite, { ...invite, password })).status).toBe(200);
  expect((await client(acceptInvite, again, owner.token)).status).toBe(200);
});

test("one address can change and reset a limited number of passwords per hour", async () => {
  const people = [await app.newAccount(), await app.newAccount()];
  const [client, other] = [await newClient(), await newClient()];
  const { changePassword, resetPassword } = SessionService.method;
  const change = { oldPassword: password, newPassword: "password123" };
  expect((await client(changePassword, change, people[0]?.token)).status).toBe(400);
  expect((await client(changePassword, change, people[1]?.token)).status).toBe(400);
  expect((await client(resetPassword, { token: "garbage", password })).status).toBe(401);
  expectLimited(await client(resetPassword, { token: "garbage", password }), "3");
  expectLimited(await client(changePassword, { ...change, newPassword }, people[0]?.token), "3");
  expect((await other(changePassword, { ...change, newPassword }, people[0]?.token)).status).toBe(200);
});

test("one address can request a limited number of mails per hour, by resets and changes of address", async () => {
  const owner = await app.newAccount();
  const [client, other] = [await newClient(), await newClient()];
  const { requestPasswordReset, changeEmail } = SessionService.method;
  expect((await client(requestPasswordReset, { email: "one@example.com" })).status).toBe(200);
  expect((await client(requestPasswordReset, { email: "two@example.com" })).status).toBe(200);
  const change = { email: "three@example.com", password };
  expect((await client(changeEmail, change, owner.token)).status).toBe(200);
  expectLimited(await client(requestPasswordReset, { email: "four@example.com" }), "3");
  expectLimited(await client(changeEmail, change, owner.token), "3");
  expect((await other(changeEmail, change, owner.token)).status).toBe(200);
});

test("a user cannot bypass the limits with more addresses or sessions", async () => {
  const owner = await app.newAccount();
  const { changePassword, changeEmail } = SessionService.method;
  const { createAccount } = AccountService.method;
  const calls: [method: DescMethod, limit: number, body: (index: number) => Record<string, unknown>][] = [
    [createAccount, 12, () => ({ metadata: { name: "  " } })],
    [changePassword, 3, () => ({ oldPassword: password, newPassword: "password123" })],
    [changeEmail, 3, (index) => ({ email: `moved${index}@example.com`, password })],
  ];
  for (const [method, limit, body] of calls) {
    for (let i = 0; i < limit; i++) {
      expect([200, 400]).toContain((await (await newClient())(method, body(i), owner.token)).status);
    }
    const { token } = await logIn(app, owner.email);
    expectLimited(await (await newClient())(method, body(limit), token), String(limit));
  }
});
