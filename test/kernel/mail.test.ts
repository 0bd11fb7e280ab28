import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../../src/infra/log.ts";
import { createMailer } from "../../src/infra/mailer.ts";
import { password, startApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { partsOf, serveSmtp } from "../support/server/smtp.ts";

const from = "keys@example.com";
const email = "guest@example.com";
const role = "viewer";

function newLog() {
  const lines: string[] = [];
  return { lines, log: createLog("trace", { write: (line) => void lines.push(line) }) };
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "latchkey-mail-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Starts the service with the mailer that a server would have. */
async function withMailer(smtpUrl?: string) {
  const { lines, log } = newLog();
  const dataDir = newDirectory();
  const mailer = createMailer(smtpUrl, from, dataDir, log);
  const { app, end } = await startApp({}, { mailer });
  onTestFinished(end);
  return { app, lines, mailer, outbox: join(dataDir, "outbox") };
}

test("without SMTP, mail goes to files that only their owner can read, and the log names the file and no token", async () => {
  const { app, lines, outbox } = await withMailer();
  const owner = await app.newAccount();
  const { invite } = await owner.invites.createInvite({ email, role });
  const token = invite?.spec?.token ?? "";

  const [name = "", ...more] = readdirSync(outbox);
  expect(more).toEqual([]);
  expect(name).toMatch(/^[0-9a-z]{26}\.eml$/);
  const file = join(outbox, name);
  expect(statSync(outbox).mode & 0o777).toBe(0o700);
  expect(statSync(file).mode & 0o777).toBe(0o600);

  const { headers, body } = partsOf(readFileSync(file, "utf8"));
  expect(headers).toMatch(/^From: keys@example\.com\r$/m);
  expect(headers).toMatch(/^To: guest@example\.com\r$/m);
  expect(headers).not.toContain("lk_inv_");
  expect(body).toContain(token);
  expect(lines.filter((line) => line.includes(file))).toHaveLength(1);
  expect(lines.join("")).not.toMatch(/lk_inv_|\[token\]/);
});

test("without SMTP, a token from its file works", async () => {
  const { app, outbox } = await withMailer();
  const owner = await app.newAccount();
  await app.clientAs("").sessions.requestPasswordReset({ email: owner.email });
  await app.app.flush();
  const [name = ""] = readdirSync(outbox);
  const [token = ""] = /lk_otp_\w+/.exec(readFileSync(join(outbox, name), "utf8")) ?? [];
  await app.clientAs("").sessions.resetPassword({ token, password });
});

test("with SMTP, an invite is mailed to its address, and only the body contains the token", async () => {
  const smtp = await serveSmtp();
  const { app, lines } = await withMailer(smtp.url);
  const owner = await app.newAccount();
  const { invite } = await owner.invites.createInvite({ email, role });
  expect(invite?.spec?.token).toBe("");

  expect(smtp.received).toMatchObject([{ from, to: [email] }]);
  const { headers, body } = partsOf(smtp.received[0]?.data ?? "");
  expect(headers).toMatch(/^From: keys@example\.com\r$/m);
  expect(headers).toMatch(/^To: guest@example\.com\r$/m);
  expect(headers).not.toContain("lk_inv_");
  const [token = ""] = /lk_inv_\w+/.exec(body) ?? [];
  expect(lines.join("")).not.toMatch(/lk_inv_|\[token\]/);
  const accept = { id: invite?.metadata?.id, token, name: "Guest", password };
  expect((await app.clientAs("").invites.acceptInvite(accept)).token).toMatch(/^lk_ses_/);
});

test.each([
  ["dead", undefined],
  ["unwilling", "550 5.1.1 no such mailbox"],
])(
  "if the mail server is %s, the invite exists, and the error tells its maker what to do",
  async (_what, refuse) => {
    const url = refuse ? (await serveSmtp(refuse)).url : "smtp://127.0.0.1:1";
    const { app, lines } = await withMailer(url);
    const owner = await app.newAccount();
    const refused = await refusal(owner.invites.createInvite({ email, role }));
    expect(refused).toMatchObject({ code: "Unavailable", retry: true });
    expect(refused.message).toMatch(/revoke/);
    expect(JSON.stringify([refused.message, refused.metadata])).not.toMatch(/lk_inv_|127\.0\.0\.1|550/);

    const { items } = await owner.invites.listInvites({});
    expect(items.map((invite) => invite.metadata?.id)).toEqual([refused.metadata.id]);
    await owner.invites.revokeInvite({ id: refused.metadata.id });
    expect((await owner.invites.listInvites({})).items).toEqual([]);
    const [line = "", ...more] = lines;
    expect(more).toEqual([]);
    expect(line).toMatch(/could not be sent/);
    expect(line).not.toMatch(/lk_inv_|\[token\]/);
  },
);

test("if the mail server is dead, no account is opened without a possible owner", async () => {
  const { app } = await withMailer("smtp://127.0.0.1:1");
  const platform = app.clientAs(app.platformToken);
  const request = { metadata: { name: "Opened" }, ownerEmail: email, requestId: "open-1" };
  for (const _again of [1, 2]) {
    expect(await refusal(platform.accounts.openAccount(request))).toMatchObject({ code: "Unavailable" });
  }
  const { items } = await platform.accounts.searchAccounts({ query: "Opened" });
  expect(items).toEqual([]);
});

test("if the mail server is dead, a request for a reset gets the same response for every address", async () => {
  const { app } = await withMailer("smtp://127.0.0.1:1");
  const owner = await app.newAccount();
  const { requestPasswordReset } = app.clientAs("").sessions;
  const known = await requestPasswordReset({ email: owner.email });
  expect(await requestPasswordReset({ email: "nobody@example.com" })).toEqual(known);
  await app.app.flush();
  const change = owner.sessions.changeEmail({ email: "next@example.com", password });
  expect(await refusal(change)).toMatchObject({ code: "Unavailable", retry: true });
});
