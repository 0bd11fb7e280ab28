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
