import type { Writable } from "node:stream";
import { type DestinationStream, type Logger, pino } from "pino";

/** A log of JSON lines. No line contains a token or a password. */
export type Log = Logger;

// Matches a token of any deployment at any place in a line, because its characters need no escaping in JSON. The prefix is
// optional: it may have been removed with a token directly before.
const anyToken = /[a-z0-9]{0,10}([_-])(live|test|svc|dev|ses|emb|inv|otp)\1[0-9A-Za-z]{26}[0-9A-Za-z]{8,}/g;
// Every token contains this. Lines without a token need only this search, which is ten times as fast.
const tokenKind = /[_-](?:live|test|svc|dev|ses|emb|inv|otp)[_-]/;
// A JWT: its header is a JSON object, in base64url.
const anyJwt = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const anyBearer = /\b(Bearer|Basic)\s+[^\s"\\,]+/gi;
// A database URL holds a password, with or without a user.
const urlPassword = /(:\/\/[^\s:/@"]*:)[^\s/"]+@/g;
// Only the end of a name is matched, with a bounded length. A search for its beginning takes quadratic time in a long line.
const secretName = "(?:password|passwd|token|secret|authorization|cookie)[\\w-]{0,64}";
const jsonString = '"(?:[^"\\\\]|\\\\.)*"';
// A field with such a name at any depth, with a string or a list of strings.
const namedSecret = new RegExp(`(${secretName}":)(?:${jsonString}|\\[(?:${jsonString},?)+\\])`, "gi");
// The same in JSON inside a string, in a URL query and in a connection string.
const quotedSecret = new RegExp(`(${secretName}\\\\+":\\s?\\\\+")[^"\\\\]+`, "gi");
const assignedSecret = new RegExp(`(${secretName}=)[^&\\s"\\\\]+`, "gi");

/** Creates a log that writes to `out`. Everything that looks like a secret is removed from the finished line. */
export function createLog(level: string, out: DestinationStream): Log {
  const scrubbed = { write: (line: string) => out.write(scrub(line)) };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, scrubbed);
}

/** Returns a destination that writes a line with the version of this program before the first line of a log. */
export function withVersion(version: string, out: DestinationStream): DestinationStream {
  let written = false;
  return {
    write(line) {
      if (!written) {
        written = true;
        const time = new Date().toISOString();
        const msg = "the log of latchkey begins";
        out.write(`${JSON.stringify({ level: 30, time, version, node: process.version, msg })}\n`);
      }
      out.write(line);
    },
  };
}

// Lines that wait for a slow reader, in bytes. Above it, lines are counted instead of kept.
const maxWaitingBytes = 8 * 1024 * 1024;

/**
 * Returns a destination that survives its reader. If the reader is gone, lines are dropped. If the reader is slow, at most
 * 8 MiB wait; further lines are dropped, and the next line that is written says how many.
 */
export function lossy(out: Writable, maxBytes = maxWaitingBytes): DestinationStream {
  let dropped = 0;
  // Without a listener, a write to a pipe whose reader has ended would end this process.
  out.on("error", () => {});
  return {
    write(line) {
      if (out.destroyed || out.writableLength + line.length > maxBytes) {
        dropped += 1;
        return;
      }
      if (dropped > 0) {
        const time = new Date().toISOString();
        const msg = "log lines were dropped, because the reader of the log is too slow";
        out.write(`${JSON.stringify({ level: 40, time, dropped, msg })}\n`);
        dropped = 0;
      }
      out.write(line);
    },
  };
}

/** Returns the text without tokens, passwords and bearers. A line of JSON stays valid JSON. */
export function scrub(text: string): string {
  return withoutSecrets(text.replace(anyBearer, "$1 [redacted]"));
}

// In a sentence, `bearer` is a noun. What follows it is a credential unless it is a word.
const bearerInSentence = /\b([Bb]earer|BEARER|[Bb]asic|BASIC)\s+(?![a-z]{1,20}(?:[\s,;:.]|$))[^\s"\\,]+/g;

/** The same for a sentence to a person, such as one about the bearer of a call. */
export function scrubSentence(text: string): string {
  return withoutSecrets(text.replace(bearerInSentence, "$1 [redacted]"));
}

function withoutSecrets(text: string): string {
  const withoutTokens = tokenKind.test(text) ? text.replace(anyToken, "[token]") : text;
  return withoutTokens
    .replace(anyJwt, "[token]")
    .replace(urlPassword, "$1[redacted]@")
    .replace(namedSecret, '$1"[redacted]"')
    .replace(quotedSecret, "$1[redacted]")
    .replace(assignedSecret, "$1[redacted]");
}
