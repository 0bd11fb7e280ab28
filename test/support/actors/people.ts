import { sql } from "kysely";
import type { Mail } from "../../../src/domain/kernel/mail.ts";
import { type Clients, password, type TestApp } from "../app.ts";

/** Somebody who joined an account, as their session sees it. */
export interface Member extends Clients {
  profileId: string;
  email: string;
}

/** Invites somebody as this caller, and makes a user who accepts. For apps without SMTP. */
export async function join(
  app: TestApp,
  inviter: Clients,
  request: { email: string; role: string; workspaceIds?: string[] },
): Promise<Member> {
  const invite = await inviteOf(inviter, request);
  const joined = await app.clientAs("").invites.acceptInvite({ ...invite, name: "Joined", password });
  return {
    ...app.clientAs(joined.token),
    profileId: joined.profile?.metadata?.id ?? "",
    email: request.email,
  };
}

/** Invites somebody as this caller, and returns what accepting takes. For apps without SMTP. */
export async function inviteOf(
  inviter: Clients,
  request: { email: string; role: string; workspaceIds?: string[] },
): Promise<{ id: string; token: string }> {
  const { invite } = await inviter.invites.createInvite(request);
  return { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
}

/** Signs somebody in with the password that all of them have. */
export async function logIn(app: TestApp, email: string, secret = password): Promise<Clients> {
  const { token } = await app.clientAs("").sessions.logIn({ email, password: secret });
  return app.clientAs(token);
}

/** The mails to an address, oldest first, once all that was begun is sent. */
export async function mailsTo(app: TestApp, email: string): Promise<Mail[]> {
  await app.app.flush();
  return app.mails.filter((mail) => mail.to === email);
}

/** The token in the last mail to an address. */
export async function mailedToken(app: TestApp, email: string): Promise<string> {
  const [token] = /lk_(inv|otp)_\w+/.exec((await mailsTo(app, email)).at(-1)?.text ?? "") ?? [];
  if (token === undefined) throw new Error(`no token was mailed to ${email}`);
  return token;
}

/** Waits until something waits for a lock in the database. */
export async function untilBlocked(app: TestApp): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
      app.db,
    );
    if (rows.length > 0) return;
  }
}
