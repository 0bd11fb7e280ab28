import type { Output } from "../output.ts";
import { visible } from "../text.ts";
import type { Finding } from "./finding.ts";

const styles = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
const outcomeWidth = 9;
const checkWidth = 16;

/** Returns a report for people: a line for each finding, and what to do about each problem. The last line is a summary. */
export function reportLines(findings: readonly Finding[], style: Output["style"]): string[] {
  const lines = findings.flatMap(({ check, outcome, what, why, remedy }) => {
    const more = [why, remedy].filter((text) => text !== undefined);
    const indent = " ".repeat(outcomeWidth + checkWidth);
    const first = style(styles[outcome], outcome.padEnd(outcomeWidth)) + check.padEnd(checkWidth);
    return [first + visible(what), ...more.map((text) => indent + visible(text))];
  });
  return [...lines, "", summary(findings)];
}

function summary(findings: readonly Finding[]): string {
  const count = (outcome: Finding["outcome"]) => findings.filter((one) => one.outcome === outcome).length;
  const [problems, risks] = [count("failed"), count("warning")];
  if (problems + risks === 0) return "No problems found.";
  return `${numbered(problems, "problem")} and ${numbered(risks, "warning")} found.`;
}

function numbered(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
