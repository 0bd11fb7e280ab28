import { decimals, whole } from "../bench/compare.ts";
import { type OrphanOutcome, runOrphanedPrimary } from "../test/support/orphan/run.ts";
import type { Part, Row } from "./part.ts";

/** An old primary that continues to run after a failover, while an instance keeps its sessions to it. */
export const orphan: Part = async (stack, { quick }, progress) => {
  const variants = [
    { stays: false, keys: quick ? 30 : 300, checks: quick ? 300 : 5_000, maxSeconds: 120 },
    // Each verification waits until the proof of its primary times out, so many run at a time.
    { stays: true, keys: quick ? 30 : 300, checks: quick ? 300 : 30_000, checkers: 200, maxSeconds: 300 },
  ];
  const rows: Row[] = [];
  for (const variant of variants) {
    const onProgress = (line: string) => progress(`orphan: ${line}`);
    const outcome = await runOrphanedPrimary({ ...variant, within: stack, onProgress });
    rows.push(row(variant.stays, outcome, variant.checks));
  }
  return rows;
};

function row(stays: boolean, outcome: OrphanOutcome, enough: number): Row {
  const { revoked, checks, late, worstMs, responses, onOrphan, recovered } = outcome;
  const results = Object.entries(responses).toSorted(([, a], [, b]) => b - a);
  const measured = [
    `**${late}** of ${whole(checks)} verifications that began after a revocation returned accepted the key${late > 0 ? `, at most ${decimals(worstMs)} ms later` : ""}`,
    `${whole(revoked)} revocations`,
    results.map(([name, count]) => `${whole(count)} × ${name}`).join(", "),
    `${stays ? "all" : whole(onOrphan)} began while sessions to the old primary were open`,
    ...(stays
      ? []
      : [recovered ? "a valid key is accepted at the end" : "no valid key is accepted at the end"]),
  ];
  return {
    attack: `orphaned primary: the instance keeps its sessions, and new ones lead to ${stays ? "the old primary too" : "the new primary"}`,
    measured: measured.join("; "),
    limit: `0 of ≥ ${whole(enough)}`,
    held: late === 0 && checks >= enough && (stays || recovered),
  };
}
