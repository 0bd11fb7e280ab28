import type { Log } from "../infra/log.ts";

/** The log lines about errors that no response reports in full. */
export interface Reports {
  /** A call failed with an unexpected error, which is a bug. */
  bug(error: unknown): void;
  /** A client canceled its call. */
  canceled(error: unknown): void;
  /** Buffered data could not be written. */
  unwritten(error: unknown): void;
  /** Background work failed. */
  backgroundFailed(error: unknown): void;
  /** The keys of an external issuer could not be fetched. */
  issuerFailed(issuer: string, error: unknown): void;
  /** The store that instances share for rate limits does not answer, or answers again. */
  limitStoreAway(isAway: boolean, error: unknown): void;
  /** The configuration of a gateway has a rule with a mistake, so the server refuses all of its requests. */
  wrongRule(message: string): void;
}

/** Creates the reports of a log. */
export function createReports(log: Log): Reports {
  return {
    bug: (error) => log.error({ error: describe(error) }, "a call failed: this is a bug"),
    canceled: (error) => log.debug({ error: describe(error) }, "a client canceled its call"),
    unwritten: (error) => log.error({ error: describe(error) }, "could not write in the background"),
    backgroundFailed: (error) => log.error({ error: describe(error) }, "work in the background failed"),
    issuerFailed: (issuer, error) =>
      log.warn({ issuer, error: describe(error) }, "an issuer's keys cannot be fetched"),
    limitStoreAway(isAway, error) {
      if (isAway)
        log.warn(
          { error: describe(error) },
          "the store of rate limits is away: each instance counts by itself",
        );
      else log.info({}, "the store of rate limits is back");
    },
    wrongRule: (message) => log.warn({ rule: message }, "a gateway's rule has a mistake"),
  };
}

// The log removes what looks like a secret from the text.
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
