/** Sends mail. Without SMTP settings, it writes the mail to a file. */
export interface Mailer {
  /** Whether mail leaves this host. Only then does a mailed token prove the address. */
  readonly delivers: boolean;
  /** The address of the console, from the settings. Unset: mails name no page. */
  readonly consoleUrl?: string | undefined;
  /** Hands a mail to the mail server. Fails with `UNAVAILABLE` and does not retry. */
  send(mail: Mail): Promise<void>;
}

/**
 * Returns the lines of a mail that name the page of the console for its token. The page is never named by a request: its
 * sender could lead the token to a page of another server. The token is pasted there, because browsers and proxies keep URLs.
 */
export function pageLines({ consoleUrl }: Pick<Mailer, "consoleUrl">, path: string): string {
  return consoleUrl === undefined ? "" : `Open this page, and paste the token:\n\n${consoleUrl}${path}\n\n`;
}

/** One mail. Only its text contains the token, on a line of its own so that mail programs do not wrap it. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Limits mails to addresses that the caller chooses. */
export interface MailLimit {
  /**
   * Counts a mail by its recipient and by the account or platform key that causes it. If a limit is reached, fails with `RATE_LIMITED`
   * and counts nothing. Without a recipient, it counts the caller only.
   */
  spend(mail: { to: string | undefined; by: string }): Promise<void>;
}

/** Returns a limit that counts one mail only once, even if its transaction is retried. */
export function onceOf(limit: MailLimit): MailLimit {
  let spent: Promise<void> | undefined;
  return {
    spend(mail) {
      spent ??= limit.spend(mail);
      return spent;
    },
  };
}
