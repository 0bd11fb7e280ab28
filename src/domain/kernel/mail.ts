/** Sends mail, or where no SMTP is configured keeps it in a file. */
export interface Mailer {
  /** Whether mail leaves the house: only then is an address that got one proven by it. */
  readonly delivers: boolean;
  /** Hands a mail over to the mail server. Where that fails it is `UNAVAILABLE`, and nothing is tried again. */
  send(mail: Mail): Promise<void>;
}

/** One mail. The token is part of the text, on a line of its own, which mail then leaves whole, and of nothing else. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
}

/** Limits the mails that go to an address of the caller's choice. */
export interface MailLimit {
  /** Counts a mail by its recipient and by the account that causes it. Refuses it as `RATE_LIMITED`, and then counts nothing. */
  spend(mail: { to: string; accountId: string }): Promise<void>;
}

/** A limit that counts one mail only, however often its transaction is tried. */
export function onceOf(limit: MailLimit): MailLimit {
  let spent: Promise<void> | undefined;
  return {
    spend(mail) {
      spent ??= limit.spend(mail);
      return spent;
    },
  };
}
