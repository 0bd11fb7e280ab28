import { expect, test } from "vitest";
import { logIn } from "../support/actors/actors.ts";
import { mailedToken, mailsTo } from "../support/actors/mailbox.ts";
import { password, startOnPools, useApp } from "../support/app.ts";
import { sendRaw } from "../support/http-json/raw.ts";
import { serve } from "../support/net/http.ts";

const app = useApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1", LATCHKEY_PUBLIC_URL: "https://keys.example" });

test("with a public URL, a mail names the page for its token, and the token is in no URL", async () => {
  const owner = await app.newAccount();
  await owner.invites.createInvite({ email: "guest@example.com", role: "viewer" });
  await app.clientAs("").sessions.requestPasswordReset({ email: owner.email });
  const person = await logIn(app, owner.email);
  await person.sessions.changeEmail({ email: "new@example.com", password });
  for (const [email, page] of [
    ["guest@example.com", "https://keys.example/console/accept-invite"],
    [owner.email, "https://keys.example/console/reset-password"],
    ["new@example.com", "https://keys.example/console/password"],
  ] as const) {
    const [mail] = await mailsTo(app, email);
    expect(mail?.text).toMatch(new RegExp(`^${page}$`, "m"));
    expect(mail?.text).toMatch(/^lk_(inv|otp)_\w+$/m);
    const token = await mailedToken(app, email);
    expect(mail?.text.match(/https?:\S+/g)).toEqual([page]);
    expect(mail?.text.split(token)).toHaveLength(2);
  }
});

test("without a public URL, a mail names no page: neither the request nor a proxy can lead a token elsewhere", async () => {
  const env = { LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1", LATCHKEY_TRUSTED_PROXIES: "127.0.0.1" };
  const { app: beside, end } = await startOnPools(app, env);
  try {
    const { url } = await serve(beside);
    const { email } = await app.newAccount();
    const { status } = await sendRaw(url, 1, {
      method: "POST",
      path: "/latchkey.v1.SessionService/RequestPasswordReset",
      headers: {
        "content-type": "application/json",
        host: "evil.example",
        origin: "https://evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
      },
      body: JSON.stringify({ email }),
    });
    expect(status).toBe(200);
    const [mail] = await mailsTo(beside, email);
    expect(mail?.text).toMatch(/^lk_otp_\w+$/m);
    expect(mail?.text).not.toMatch(/evil|https?:/);
  } finally {
    await end();
  }
});
