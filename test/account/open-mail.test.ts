import { expect, test } from "vitest";
import { DomainError } from "../../src/domain/kernel/error.ts";
import type { Mail } from "../../src/domain/kernel/mail.ts";
import { naming } from "../support/actors/acting.ts";
import { newEmail } from "../support/actors/actors.ts";
import { verdictOf } from "../support/actors/api-key.ts";
import { issueKey, password, useApp } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

// The mail server keeps the mail of an invite, and fails later. Meanwhile, other calls see the new account.

let held = Promise.withResolvers<Mail>();
let answer = Promise.withResolvers<void>();
const mailer = {
  delivers: true,
  send(mail: Mail) {
    held.resolve(mail);
    return answer.promise;
  },
};
const app = useApp({ LATCHKEY_SMTP_URL: "smtp://localhost:1" }, { mailer });
const platform = () => app.clientAs(app.platformToken);

/** Opens an account whose mail is held. Returns the id of the account, its mail, and a function that lets the mail fail. */
async function openWithHeldMail() {
  held = Promise.withResolvers();
  answer = Promise.withResolvers();
  const request = { metadata: { name: "Tenant" }, ownerEmail: newEmail(), requestId: newEmail() };
  const opening = refusal(platform().accounts.openAccount(request));
  const { text } = await held.promise;
  const { metadata } = await refusal(platform().accounts.openAccount(request));
  const [id = ""] = /inv_\w{26}/.exec(text) ?? [];
  const [token = ""] = /lk_inv_\w+/.exec(text) ?? [];
  return {
    accountId: metadata.id ?? "",
    invite: { id, token },
    request,
    fail() {
      answer.reject(new DomainError("UNAVAILABLE", "the mail server does not answer"));
      return opening;
    },
  };
}

test("an account whose owner could not be mailed is removed, and the same call opens another one", async () => {
  const { accountId, fail, request } = await openWithHeldMail();
  expect(await fail()).toMatchObject({ reason: "UNAVAILABLE", metadata: {} });
  const named = naming(app, app.platformToken, accountId).accounts.getAccount({});
  expect(await outcome(named)).toBe("ACCOUNT_MISMATCH");
  answer = Promise.withResolvers();
  answer.resolve();
  expect(await outcome(platform().accounts.openAccount(request))).toBe("ok");
});

test("an account in which a key was issued meanwhile stays, although its owner could not be mailed", async () => {
  const { accountId, invite, fail } = await openWithHeldMail();
  const acting = naming(app, app.platformToken, accountId);
  const key = await issueKey(acting, { spec: { permissions: ["agents:read"] } });
  expect(await fail()).toMatchObject({
    reason: "UNAVAILABLE",
    message: expect.stringContaining("InviteFirstOwner"),
    metadata: { id: invite.id, account_id: accountId },
  });
  expect(await verdictOf(app, key.token)).toBe("VALID");
  await acting.invites.revokeInvite({ id: invite.id });
});

test("an account stays if its owner accepted the invite before the mail server reported an error", async () => {
  const { accountId, invite, fail } = await openWithHeldMail();
  const { token } = await app.clientAs("").invites.acceptInvite({ ...invite, name: "Boss", password });
  await fail();
  const { principal } = await app.clientAs(token).profiles.whoAmI({});
  expect(principal?.accountId).toBe(accountId);
});
