import { type DestinationStream, type Logger, pino } from "pino";

/** JSON lines, of which none holds a token or a password. */
export type Log = Logger;

// Any token of any deployment, wherever in a line it stands: its characters need no escaping in JSON.
const anyToken = /[a-z0-9]{2,10}_(live|test|svc|dev|ses|inv|otp)_[0-9A-Za-z]{26}[0-9A-Za-z]{8,}/g;
const anyBearer = /\b(Bearer|Basic)\s+[^\s"\\,]+/gi;
// A database URL holds a password.
const urlPassword = /(\w+:\/\/[^\s:/@"]+:)[^\s@"]+@/g;
const secretNames = ["password", "token", "authorization", "cookie"];
const secrets = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `*["${name}"]`]);

/** Creates a log that writes to `out`. What looks like a secret is taken out of the finished line. */
export function createLog(level: string, out: DestinationStream): Log {
  const scrubbed = { write: (line: string) => out.write(scrub(line)) };
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: [...new Set(secrets)] },
    scrubbed,
  );
}

/** A text without its tokens and bearers. */
export function scrub(text: string): string {
  return text
    .replace(anyToken, "[token]")
    .replace(anyBearer, "$1 [redacted]")
    .replace(urlPassword, "$1[redacted]@");
}
