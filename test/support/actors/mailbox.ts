import type { Mail } from "../../../src/domain/kernel/mail.ts";
import type { SharedApp } from "../app.ts";

/** Returns the mails to an address, oldest first, once all background work has ended. */
export async function mailsTo(app: SharedApp, email: string): Promise<Mail[]> {
  await app.app.flush();
  return app.mails.filter((mail) => mail.to === email);
}

/** Returns the token in the last mail to an address. */
export async function mailedToken(app: SharedApp, email: string): Promise<string> {
  const [token] = /lk_(inv|otp)_\w+/.exec((await mailsTo(app, email)).at(-1)?.text ?? "") ?? [];
  if (token === undefined) throw new Error(`no token was mailed to ${email}`);
  return token;
}
