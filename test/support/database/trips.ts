import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import { vi } from "vitest";

/** The round trips of one call. Each has its statements in the order in which they were sent. */
export type Trips = string[][];

// Statements that do not count: lookups of the auth interceptor after a cache miss, and queries about leases and the
// primary while other instances are slow to acknowledge a change.
const unrelated = /\bfrom bearer\b|\blong_lease\b|^select pg_postmaster_start_time/;

interface Trip {
  client: pg.Client;
  statements: string[];
  answered: boolean;
}

/**
 * Counts round trips between the service and Postgres, at the client. Statements that are sent before any of them has
 * its result are one trip. Statements of verification and coherence and confirmations of empty reads do not count. Call `restore` at the end.
 */
export function watchTrips() {
  const calls = new AsyncLocalStorage<Trip[]>();
  const send = pg.Client.prototype.query as (...args: unknown[]) => Promise<unknown>;
  const spy = vi.spyOn(pg.Client.prototype, "query") as unknown as {
    mockImplementation(implementation: (this: pg.Client, ...args: unknown[]) => unknown): void;
    mockRestore(): void;
  };
  spy.mockImplementation(function (this: pg.Client, ...args) {
    const trips = calls.getStore();
    const text = textOf(args[0]);
    const sent = send.apply(this, args);
    if (!trips || unrelated.test(text)) return sent;
    let trip = trips.findLast(({ client }) => client === this);
    if (!trip || trip.answered) {
      trip = { client: this, statements: [], answered: false };
      trips.push(trip);
    }
    trip.statements.push(text);
    const mine = trip;
    const end = () => {
      mine.answered = true;
    };
    sent.then(end, end);
    return sent;
  });
  return {
    async tripsOf(call: () => Promise<unknown>): Promise<Trips> {
      const trips: Trip[] = [];
      await calls.run(trips, call);
      return withoutConfirmations(trips).map(({ statements }) => statements);
    },
    restore: () => spy.mockRestore(),
  };
}

/**
 * Removes the transactions that repeat an empty read and prove that its server is the primary. The service needs them only
 * while its lease has lapsed, for example on a busy machine.
 */
function withoutConfirmations(trips: Trip[]): Trip[] {
  const confirmations = new Set<Trip>();
  for (const [begin, trip] of trips.entries()) {
    if (trip.statements[0] !== "begin") continue;
    const later = trips.slice(begin).filter(({ client }) => client === trip.client);
    const transaction = later.slice(
      0,
      later.findIndex(({ statements }) => statements.includes("commit")) + 1,
    );
    const text = transaction.flatMap(({ statements }) => statements).join("\n");
    if (/\bpg_postmaster_start_time\b/.test(text) && !/^(insert|update|delete|with)\b/m.test(text))
      for (const part of transaction) confirmations.add(part);
  }
  return trips.filter((trip) => !confirmations.has(trip));
}

function textOf(query: unknown): string {
  return typeof query === "string" ? query : (query as { text: string }).text;
}
