import { describe, expect, test } from "vitest";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { logIn } from "../support/actors/actors.ts";
import { password, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { detailOf, serve } from "../support/net/http.ts";

const app = useApp({ LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" });
const limited = { code: "ResourceExhausted", reason: "RATE_LIMITED", retry: true };
const guess = (email: string) => refusal(logIn(app, email, "a wrong password"));
const reasons = async (count: number, call: () => Promise<{ reason: string }>) => {
  const told: string[] = [];
  for (let i = 0; i < count; i++) told.push((await call()).reason);
  return told;
};

describe("guesses of one e-mail address", () => {
  test("are limited in any letter case, and then even the right password is refused", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    expect(await reasons(10, () => guess(owner.email))).toEqual(Array(10).fill("INVALID_CREDENTIALS"));
    for (const email of [owner.email, ` ${owner.email.toUpperCase()} `]) {
      const refused = await refusal(logIn(app, email));
      expect(refused).toMatchObject({ ...limited, metadata: { limit: "10", remaining: "0" } });
      const seconds = (Date.parse(refused.metadata.reset_at ?? "") - Date.now()) / 1000;
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(300);
    }
    await logIn(app, other.email);
    await owner.profiles.whoAmI({});
  });

  test("are limited for an unknown address in the same way as for a known one", async () => {
    const { email } = await app.newAccount();
    for (const address of [email, "unknown@example.com"]) {
      expect(await reasons(11, () => guess(address))).toEqual([
        ...Array(10).fill("INVALID_CREDENTIALS"),
        "RATE_LIMITED",
      ]);
    }
  });

  test("cannot exceed the limit by concurrency", async () => {
    const { email } = await app.newAccount();
    const told = await Promise.all(Array.from({ length: 30 }, () => guess(email)));
    expect(told.filter(({ reason }) => reason === "INVALID_CREDENTIALS")).toHaveLength(10);
    expect(told.filter(({ reason }) => reason === "RATE_LIMITED")).toHaveLength(20);
  });

  test("do not include right passwords, even many concurrent ones", async () => {
    const { email } = await app.newAccount();
    for (let i = 0; i < 12; i++) await logIn(app, email);
    await Promise.allSettled(Array.from({ length: 30 }, () => logIn(app, email)));
    for (let i = 0; i < 9; i++) await guess(email);
    await logIn(app, email);
  });
});

describe("guesses of a signed-in user's password", () => {
  const newPassword = "staple battery horse correct";

  test.each(["changePassword", "changeEmail", "deleteUser"] as const)("%s: are limited", async (method) => {
    const owner = await app.newAccount();
    const secret = "a wrong password";
    const attempt = () => {
      if (method === "changePassword") {
        return refusal(owner.sessions.changePassword({ oldPassword: secret, newPassword }));
      }
      if (method === "deleteUser") return refusal(owner.sessions.deleteUser({ password: secret }));
      const email = `${Math.random().toString(36).slice(2)}@example.com`;
      return refusal(owner.sessions.changeEmail({ email, password: secret }));
    };
    expect(await reasons(11, attempt)).toEqual([...Array(10).fill("INVALID_CREDENTIALS"), "RATE_LIMITED"]);
  });

  test("do not include a right password in a call with a weak new one", async () => {
    const owner = await app.newAccount();
    const weak = { oldPassword: password, newPassword: "password123" };
    for (let i = 0; i < 11; i++) {
      expect((await refusal(owner.sessions.changePassword(weak))).code).toBe("InvalidArgument");
    }
    await owner.sessions.changePassword({ oldPassword: password, newPassword });
  });
});

test("guesses from one client address are limited across users, over HTTP with Retry-After", async () => {
  const http = await serve(app);
  const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
  const { email } = await app.newAccount();
  for (let i = 0; i < 99; i++) {
    const answer = await http.post(SessionService.method.proveEmail, {
      body: { token: "garbage" },
      ...from("192.0.2.1"),
    });
    expect(answer.status).toBe(401);
  }
  const last = { body: { email: "someone@example.com", password }, ...from("192.0.2.1") };
  expect((await http.post(SessionService.method.logIn, last)).status).toBe(401);

  const body = { email, password };
  const refused = await http.post(SessionService.method.logIn, { body, ...from("192.0.2.1") });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(detailOf(refused, "google.rpc.ErrorInfo")).toMatchObject({
    reason: "RATE_LIMITED",
    domain: "latchkey",
    metadata: { limit: "100", remaining: "0", reset_at: expect.stringMatching(/Z$/) },
  });
  expect(detailOf(refused, "google.rpc.RetryInfo")).toMatchObject({
    retryDelay: expect.stringMatching(/s$/),
  });
  const elsewhere = await http.post(SessionService.method.logIn, { body, ...from("192.0.2.2") });
  expect(elsewhere.status).toBe(200);
});
