/** The parts that `latchkey doctor` checks, in the order of its report. */
export type Check =
  | "versions"
  | "settings"
  | "data directory"
  | "database"
  | "clock"
  | "feed"
  | "lease"
  | "tls"
  | "server";

/** The result of one check. */
export interface Finding {
  check: Check;
  /** `skipped`: the check is not possible here, which is no problem by itself. */
  outcome: "ok" | "warning" | "failed" | "skipped";
  /** What the check found. */
  what: string;
  /** The consequence of a problem. */
  why?: string;
  /** What the operator does about a problem. */
  remedy?: string;
}

/** A problem in words: what the check found, what follows from it, and what to do. */
export interface Problem {
  what: string;
  why: string;
  remedy: string;
}

/** Returns the finding of a check without a problem. */
export function ok(check: Check, what: string): Finding {
  return { check, outcome: "ok", what };
}

/** Returns the finding of a check that is not possible, with the reason. */
export function skipped(check: Check, what: string): Finding {
  return { check, outcome: "skipped", what };
}

/** Returns a finding about something that works now but is risky. */
export function warning(check: Check, problem: Problem): Finding {
  return { check, outcome: "warning", ...problem };
}

/** Returns a finding about something that does not work. */
export function failed(check: Check, problem: Problem): Finding {
  return { check, outcome: "failed", ...problem };
}

/** Returns the message of an error in one line. A name with several addresses fails with one error for each of them. */
export function messageOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const message = first instanceof Error ? first.message : String(first);
  return message.replaceAll(/\s*\n\s*/g, " ");
}
