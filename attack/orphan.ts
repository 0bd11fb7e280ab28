import { decimals, whole } from "../bench/compare.ts";
import { type OrphanOutcome, runOrphanedPrimary } from "../test/support/orphan/run.ts";
import type { Part, Row } from "./part.ts";

/** An old primary that runs on after a failover, with sessions that lead to it still. */
export const orphan: Part = async (stack, { quick }, progress) => {
  const ways = [
    { stays: false, keys: quick ? 30 : 300, checks: quick ? 300 : 5_000, maxSeconds: 120 },
    // Each verification takes as long as a proof that cannot be had, so there are many at a time.
    { stays: true, keys: quick ? 30 : 300, checks: quick ? 300 : 30_000, checkers: 200, maxSeconds: 300 },
  ];
  const rows: Row[] = [];
  for (const way of ways) {
    const onProgress = (line: string) => progress(`orphan: ${line}`);
    rows.push(row(way.stays, await runOrphanedPrimary({ ...way, within: stack, onProgress }), way.checks));
  }
  return rows;
};

function row(stays: boolean, seen: OrphanOutcome, enough: number): Row {
  const { withdrawn, checks, late, worstMs, answers, onOrphan, recovered } = seen;
  const given = Object.entries(answers).toSorted(([, a], [, b]) => b - a);
  const measured = [
    `**${late}** of ${whole(checks)} verifications that began after a withdrawal returned were accepted${late > 0 ? `, by up to ${decimals(worstMs)} ms` : ""}`,
    `${whole(withdrawn)} withdrawals`,
    given.map(([name, count]) => `${whole(count)} × ${name}`).join(", "),
    `${stays ? "all" : whole(onOrphan)} began while sessions led to the old primary`,
    ...(stays
      ? []
      : [recovered ? "a live key is accepted at the end" : "no live key is accepted at the end"]),
  ];
  return {
    attack: `orphaned primary: sessions are kept, new ones lead to ${stays ? "the old primary as well" : "the new primary"}`,
    measured: measured.join("; "),
    limit: `0 of ≥ ${whole(enough)}`,
    held: late === 0 && checks >= enough && (stays || recovered),
  };
}
