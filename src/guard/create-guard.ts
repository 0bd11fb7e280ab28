import { machineClock } from "../verify/coherence/clock.ts";
import { verifyOf } from "./at-once.ts";
import { createCalls } from "./calls.ts";
import { createGuardCoherence } from "./coherence.ts";
import { createGuardCache } from "./guard-cache.ts";
import type { CachedVerdict } from "./kept.ts";
import { refused, unavailable } from "./refused.ts";
import { createRequirementsReader } from "./requirements.ts";
import { createConnection } from "./transport.ts";
import type { Guard, GuardEvent, GuardOptions, GuardVerdict, Requirements } from "./types.ts";
import { startUsageReporter } from "./usage.ts";
import { createVerification } from "./verification.ts";
import { startWatch } from "./watch.ts";

const defaultEntries = 100_000;
const readyMs = 5_000;

/** The parts of a guard that its promise depends on. Only fault tests replace them. */
export interface GuardParts {
  createGuardCache: typeof createGuardCache;
  createGuardCoherence: typeof createGuardCoherence;
}

/** The parts of every guard in production. */
export const productionGuardParts: GuardParts = { createGuardCache, createGuardCoherence };

/** Creates a guard from these parts. */
export function createGuardOf(options: GuardOptions, parts: GuardParts): Guard {
  // A malformed option must fail before a connection is opened.
  if (!isBearer(options.token)) throw new TypeError("token: expected a bearer of visible ASCII characters");
  const readRequirements = createRequirementsReader(options);
  const { entries = defaultEntries, onEvent = reportToStderr, usage: reports = true } = options;
  const assembled = assemble({ ...options, entries, onEvent, usage: reports }, parts);
  const { cache, coherence, calls, usage, watch, connections, counts } = assembled;
  const verifyRead = createVerification(assembled);

  function verify(token: string, required = noRequirements): GuardVerdict | Promise<GuardVerdict> {
    const state = watch.state();
    if (state === "closed" || state === "rejected") return unavailable();
    const requirements = readRequirements(required);
    if (!requirements) return refused("INVALID_FIELDS");
    if (typeof token !== "string" || token === "") return refused("MISSING_API_KEY");
    return verifyRead(token, requirements, required.clientAddress);
  }

  return {
    verify: verifyOf(verify),
    ready: (timeoutMs = readyMs) => watch.ready(timeoutMs),
    state: () => ({
      stream: watch.state(),
      leased: coherence.time() !== undefined,
      entries: cache.size(),
      ...counts,
    }),
    async close() {
      await Promise.all([watch.close(), usage?.close()]);
      calls.close();
      for (const connection of connections) connection.abort();
    },
  };
}
const noRequirements: Requirements = Object.freeze({});

// Any other text cannot be sent in a header. Often it is a token with the line break of its file.
function isBearer(token: unknown): boolean {
  return typeof token === "string" && /^[!-~]+$/.test(token);
}

function assemble(
  options: GuardOptions & Required<Pick<GuardOptions, "entries" | "onEvent" | "usage">>,
  parts: GuardParts,
) {
  // Calls do not delay the messages of the stream, because each has its own connection.
  const connections = [createConnection(options), createConnection(options)] as const;
  const [forStream, forCalls] = connections;
  const counts = { cacheHits: 0, calls: 0 };
  const cache = parts.createGuardCache<CachedVerdict>(options.entries);
  const coherence = parts.createGuardCoherence(machineClock, cache.invalidate);
  const calls = createCalls(forCalls, (rejection) => watch.rejected(rejection));
  const usage = options.usage ? startUsageReporter(forCalls) : undefined;
  const watch = startWatch({
    connection: forStream,
    coherence,
    onEvent: options.onEvent,
    onUsageInterval: (seconds) => usage?.setInterval(seconds),
  });
  return { cache, coherence, calls, usage, watch, connections, counts };
}

function reportToStderr({ type, message }: GuardEvent): void {
  // biome-ignore lint/suspicious/noConsole: the service that imports the guard has not set `onEvent`.
  if (type === "rejected") console.error(`latchkey: ${message}`);
}
