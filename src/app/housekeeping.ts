import type { AuditSettings } from "../config/audit-settings.ts";
import type { UsageSettings } from "../config/usage-settings.ts";
import type { Db } from "../db/connect.ts";
import { withTurn } from "../db/statement-scope.ts";
import type { Turn } from "../db/turn-shares.ts";
import { purgeOneAccount } from "../domain/account/delete.ts";
import { deleteOldEvents } from "../domain/kernel/audit-retention.ts";
import { deleteOldEmbedSessions } from "../domain/session/embed-retention.ts";
import { addWeeks, deleteOldUsage, dropOldWeeks } from "../domain/usage/retention.ts";
import type { Log } from "../infra/log.ts";
import { createPostgresStore } from "../verify/limits/postgres-store.ts";
import type { Background } from "./background.ts";

/** Background jobs that run at intervals. */
export interface Housekeeping {
  stop(): void;
}

const housekeeping: Turn = {
  kind: "background",
  subjects: ["housekeeping"],
  caller: "housekeeping",
  limited: false,
};
const purgeIntervalMs = 3_600_000;
const retentionIntervalMs = 60_000;
const countersIntervalMs = 600_000;
const countersPerStatement = 1_000;

/** Starts the jobs that remove deleted accounts, old audit events, old usage, old embed sessions, and counters of rate limits that have drained. */
export function startHousekeeping(
  db: Db,
  config: AuditSettings & UsageSettings,
  background: Background,
  log: Log,
): Housekeeping {
  const { auditRetentionMs } = config;

  async function purgeAccounts(): Promise<void> {
    for (let id = await purgeOneAccount(db); id !== undefined; id = await purgeOneAccount(db)) {
      log.info({ accountId: id }, "the data of a deleted account was removed");
    }
  }

  async function deleteEvents(retentionMs: number): Promise<void> {
    const deleted = await deleteOldEvents(db, retentionMs);
    if (deleted > 0) log.info({ deleted }, "old audit events were deleted");
  }

  const counters = createPostgresStore(db);

  async function removeDrainedCounters(): Promise<void> {
    while ((await counters.removeDrained(countersPerStatement)) === countersPerStatement);
  }

  async function keepWeeks(): Promise<void> {
    await addWeeks(db);
    const dropped = await dropOldWeeks(db, config);
    if (dropped > 0) log.info({ dropped }, "old usage was deleted");
  }

  async function removeEmbedSessions(): Promise<void> {
    while ((await deleteOldEmbedSessions(db)) > 0);
  }

  const timers = [
    every(purgeIntervalMs, background, purgeAccounts),
    every(countersIntervalMs, background, removeDrainedCounters),
    every(purgeIntervalMs, background, keepWeeks),
    every(countersIntervalMs, background, removeEmbedSessions),
    every(retentionIntervalMs, background, async () => void (await deleteOldUsage(db, config))),
  ];
  if (auditRetentionMs !== undefined) {
    timers.push(every(retentionIntervalMs, background, () => deleteEvents(auditRetentionMs)));
  }
  return { stop: () => timers.forEach(clearInterval) };
}

// Runs work at intervals. If a run lasts longer than the interval, the next one is skipped.
function every(ms: number, background: Background, work: () => Promise<void>): NodeJS.Timeout {
  let running = false;
  async function turn(): Promise<void> {
    if (running) return;
    running = true;
    await work().finally(() => (running = false));
  }
  return setInterval(() => withTurn(housekeeping, () => background.run(turn)), ms).unref();
}
