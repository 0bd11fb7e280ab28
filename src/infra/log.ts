import { type DestinationStream, type Logger, pino } from "pino";

/** JSON lines, of which none holds a token or a password. */
export type Log = Logger;

// Any token of any deployment, wherever in a line it stands: its characters need no escaping in JSON. The prefix may
// have gone with a token before it.
const anyToken = /[a-z0-9]{0,10}_(live|test|svc|dev|ses|inv|otp)_[0-9A-Za-z]{26}[0-9A-Za-z]{8,}/g;
// A JWT: its header is a JSON object, in base64url.
const anyJwt = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const anyBearer = /\b(Bearer|Basic)\s+[^\s"\\,]+/gi;
// A database URL holds a password, with or without a user.
const urlPassword = /(:\/\/[^\s:/@"]*:)[^\s/"]+@/g;
// The end of a name is enough, and bounded: a search for its beginning would take quadratic time in a long line.
const secretName = "(?:password|passwd|token|secret|authorization|cookie)[\\w-]{0,64}";
const jsonString = '"(?:[^"\\\\]|\\\\.)*"';
// A field of that name, at any depth: a string, or a list of them.
const namedSecret = new RegExp(`(${secretName}":)(?:${jsonString}|\\[(?:${jsonString},?)+\\])`, "gi");
// The same in JSON within a string, in a query and in a connection string.
const quotedSecret = new RegExp(`(${secretName}\\\\+":\\s?\\\\+")[^"\\\\]+`, "gi");
const assignedSecret = new RegExp(`(${secretName}=)[^&\\s"\\\\]+`, "gi");

/** Creates a log that writes to `out`. What looks like a secret is taken out of the finished line. */
export function createLog(level: string, out: DestinationStream): Log {
  const scrubbed = { write: (line: string) => out.write(scrub(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, scrubbed);
}

/** A text without its tokens, passwords and bearers. Of a line of JSON it leaves JSON. */
export function scrub(text: string): string {
  return text
    .replace(anyToken, "[token]")
    .replace(anyJwt, "[token]")
    .replace(anyBearer, "$1 [redacted]")
    .replace(urlPassword, "$1[redacted]@")
    .replace(namedSecret, '$1"[redacted]"')
    .replace(quotedSecret, "$1[redacted]")
    .replace(assignedSecret, "$1[redacted]");
}
