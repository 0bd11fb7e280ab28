import { matching, parseSmtpUrl } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How mail is sent. */
export interface MailSettings {
  /** Unset: mail is kept in files. */
  smtpUrl: string | undefined;
  mailFrom: string;
}

/** Reads the settings about mail. */
export function readMailSettings(read: Read): MailSettings {
  return {
    smtpUrl: read("LATCHKEY_SMTP_URL", undefined, parseSmtpUrl, "a smtp:// or smtps:// URL"),
    mailFrom: read(
      "LATCHKEY_MAIL_FROM",
      "latchkey@localhost",
      matching(/^[^\s<>]+@[^\s<>]+$/),
      "an e-mail address",
    ),
  };
}
