import { isCancelled, isSilence, isUnavailable } from "../../db/errors.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { inNextTurn } from "../../domain/kernel/next-turn.ts";
import { type Draw, type Drawn, type DrawnRun, drawnOf, type Run, runsOf } from "./draw.ts";
import type { SpendHow } from "./spend.ts";
import { createSpendLines, type SpendLine, type SpendLines, type WaitingDraw } from "./spend-lines.ts";

/** Takes credits, exactly: all instances together never take more than there are. */
export interface Quotas {
  /**
   * Takes the cost from each record of a draw, or from none. The database has committed that when the promise resolves, so a
   * crash loses nothing. Fails with `UNAVAILABLE` while the database is away, or if too many draws wait. Then the draw is
   * refused, and its credits may have been taken.
   */
  draw(draw: Draw): Promise<Drawn>;
}

/** What the quotas depend on. */
export interface QuotaDeps {
  /** Takes the credits of runs by one statement: `spend`. */
  send(runs: readonly Run[], how: SpendHow): Promise<DrawnRun[]>;
}

const maxWaiting = 5_000;
const maxPerStatement = 512;
const maxPerAccount = 128;
// A statement of the first kind is for many accounts, and waits for no lock. One of the second kind is for one account
// whose records another transaction held, such as that of another instance.
const sharedStatements = 2;
const aloneStatements = 2;
const statementLimitMs = 1_000;
const overdueAfterMs = 2_700;
const overdueCheckMs = 100;

/**
 * Creates the quotas of an instance. The draws of one turn of the event loop share a statement. The draws of an account that
 * arrive while a statement has some of its draws wait for the next one, in the order of arrival. So a key that many callers
 * use costs no transaction per call.
 */
export function createQuotas({ send }: QuotaDeps): Quotas {
  const overflow = () => unavailable("too many calls wait for their credits");
  const lines = createSpendLines({ maxWaiting, maxPerStatement, maxPerAccount, overflow });
  const inFlight = new Set<ReadonlyMap<SpendLine, readonly WaitingDraw[]>>();
  const running = { shared: 0, alone: 0 };
  const watchOverdue = createOverdueWatch(lines, inFlight);
  const sendAllInNextTurn = inNextTurn(sendAll);

  function sendAll(): void {
    while (running.shared < sharedStatements && start("shared"));
    while (running.alone < aloneStatements && start("alone"));
  }

  function start(kind: "shared" | "alone"): boolean {
    const taken = lines.take(kind === "alone");
    if (taken.size === 0) return false;
    running[kind] += 1;
    inFlight.add(taken);
    void run(kind === "alone", taken).then((again) => {
      running[kind] -= 1;
      inFlight.delete(taken);
      lines.giveBack(again);
      sendAll();
    });
    return true;
  }

  // Returns the draws that found a record held by another transaction, by their line.
  async function run(
    alone: boolean,
    taken: ReadonlyMap<SpendLine, readonly WaitingDraw[]>,
  ): Promise<Map<SpendLine, WaitingDraw[]>> {
    const runs = runsOf([...taken.values()].flat().map(({ draw }) => draw));
    const again = new Map<SpendLine, WaitingDraw[]>([...taken.keys()].map((line) => [line, []]));
    try {
      const drawn = drawnOf(runs, await send(runs, { waits: alone, limitMs: statementLimitMs }));
      for (const [line, draws] of taken) {
        const held = settle(draws, drawn);
        line.alone = held.length > 0;
        again.set(line, held);
      }
    } catch (error) {
      fail(error, taken, lines);
    }
    return again;
  }

  return {
    draw(draw) {
      watchOverdue();
      sendAllInNextTurn();
      return new Promise((resolve, reject) => {
        lines.push({ draw, dueAt: performance.now() + overdueAfterMs, resolve, reject });
      });
    },
  };
}

// Gives each draw its result. Returns the draws that found a record held. An overdue one must not take credits any more.
function settle(draws: readonly WaitingDraw[], drawn: Iterator<Drawn | undefined>): WaitingDraw[] {
  const now = performance.now();
  return draws.filter(({ dueAt, resolve, reject }) => {
    const next: Drawn | undefined = drawn.next().value;
    if (next) resolve(next);
    else if (dueAt <= now) reject(tooSlow());
    return !next && dueAt > now;
  });
}

function fail(
  error: unknown,
  taken: ReadonlyMap<SpendLine, readonly WaitingDraw[]>,
  lines: SpendLines,
): void {
  const reason = isCancelled(error) ? tooSlow() : error;
  for (const { reject } of [...taken.values()].flat()) reject(reason);
  // A waiting draw would wait for the unreachable database as long as these draws did.
  if (!isUnavailable(error) || isCancelled(error) || isSilence(error)) return;
  for (const { reject } of lines.remove(() => true)) reject(error);
}

// Returns a function that starts to watch for overdue draws, and rejects them. The watch stops when no draw is left.
function createOverdueWatch(
  lines: SpendLines,
  inFlight: ReadonlySet<ReadonlyMap<SpendLine, readonly WaitingDraw[]>>,
): () => void {
  let watching = false;

  function rejectOverdue(): void {
    const now = performance.now();
    const isOverdue = ({ dueAt }: WaitingDraw) => dueAt <= now;
    const sent = [...inFlight].flatMap((taken) => [...taken.values()].flat());
    for (const { reject } of [...lines.remove(isOverdue), ...sent.filter(isOverdue)]) reject(tooSlow());
    watching = inFlight.size > 0 || lines.size() > 0;
    if (watching) setTimeout(rejectOverdue, overdueCheckMs).unref();
  }

  return () => {
    if (!watching) setTimeout(rejectOverdue, overdueCheckMs).unref();
    watching = true;
  };
}

function tooSlow(): DomainError {
  return unavailable("taking the credits takes too long");
}

function unavailable(reason: string): DomainError {
  return new DomainError("UNAVAILABLE", `${reason}: try again`);
}
