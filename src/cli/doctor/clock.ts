import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";

const tolerableMs = 2_000;
const wrongMs = 60_000;

/** A measurement of another clock: the most by which it can differ from this machine's clock, in each direction. */
export interface Skew {
  /** The other clock minus this one, in milliseconds. */
  ms: number;
  /** Half of the time that the measurement took: the skew is exact up to this. */
  precisionMs: number;
}

/** Compares the clock of the database with that of this machine. */
export async function examineDatabaseClock(db: Db, now: () => number): Promise<Finding> {
  const sentAt = now();
  const { rows } = await sql<{ time: Date }>`select clock_timestamp() as time`.execute(db);
  const receivedAt = now();
  const precisionMs = (receivedAt - sentAt) / 2;
  return clockFinding("database", {
    ms: (rows[0]?.time.getTime() ?? sentAt) - sentAt - precisionMs,
    precisionMs,
  });
}

/** Returns the finding about a measured skew. `other` names the machine whose clock was measured. */
export function clockFinding(other: "database" | "server", { ms, precisionMs }: Skew): Finding {
  const surelyMs = Math.max(0, Math.abs(ms) - precisionMs);
  const size = surelyMs < 100 ? "less than 0.1 s" : `${(surelyMs / 1000).toFixed(1)} s`;
  const direction = ms < 0 ? "behind" : "ahead of";
  if (surelyMs < tolerableMs)
    return ok("clock", `the clock of the ${other} and that of this machine differ by ${size}`);
  const problem = {
    what: `the clock of the ${other} is ${size} ${direction} that of this machine`,
    why:
      "Keys and sessions expire by the clock of the database. Access tokens of identity providers are checked by the clock " +
      "of the server. The times of logs differ too.",
    remedy: "Synchronise both clocks with NTP, for example with chrony or systemd-timesyncd.",
  };
  return surelyMs < wrongMs ? warning("clock", problem) : failed("clock", problem);
}
