import { chmodSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { ulid } from "ulid";
import { DomainError } from "../domain/kernel/error.ts";
import type { Mail, Mailer } from "../domain/kernel/mail.ts";
import type { Log } from "./log.ts";

const timeoutMs = 10_000;

/**
 * Creates a mailer for an SMTP URL. Without a URL, mails are written to `<dataDir>/outbox/*.eml` with mode 0600. Sending
 * fails with `UNAVAILABLE` if the mail server does not accept the mail within 10 s.
 */
export function createMailer(smtpUrl: string | undefined, from: string, dataDir: string, log: Log): Mailer {
  return smtpUrl === undefined ? outbox(from, join(dataDir, "outbox"), log) : smtp(smtpUrl, from, log);
}

function smtp(url: string, from: string, log: Log): Mailer {
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  return {
    delivers: true,
    async send(mail) {
      try {
        await transport.sendMail({ ...mail, from });
      } catch (error) {
        log.error(
          { error: error instanceof Error ? error.message : String(error) },
          "a mail could not be sent",
        );
        throw new DomainError("UNAVAILABLE", "the mail could not be sent; try again later");
      }
    },
  };
}

function outbox(from: string, directory: string, log: Log): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true });
  return {
    delivers: false,
    async send(mail: Mail) {
      const { message } = await transport.sendMail({ ...mail, from });
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      chmodSync(directory, 0o700);
      const file = join(directory, `${ulid().toLowerCase()}.eml`);
      await writeFile(file, message as Buffer, { mode: 0o600, flag: "wx" });
      log.info({ file }, "a mail was written to a file, because LATCHKEY_SMTP_URL is not set");
    },
  };
}
