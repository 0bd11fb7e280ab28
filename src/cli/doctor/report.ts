import { styleText } from "node:util";
import type { Finding } from "./finding.ts";

const styles = { ok: "green", warning: "yellow", failed: "red", skipped: "gray" } as const;
const outcomeWidth = 9;
const checkWidth = 16;

/** Returns a report for people: a line for each finding, and what to do about each problem. The last line is a summary. */
export function reportText(findings: readonly Finding[], colour: boolean): string {
  const lines = findings.flatMap(({ check, outcome, what, why, remedy }) => {
    const shown = outcome.padEnd(outcomeWidth);
    const styled = colour ? styleText(styles[outcome], shown, { validateStream: false }) : shown;
    const more = [why, remedy].filter((text) => text !== undefined);
    const indent = " ".repeat(outcomeWidth + checkWidth);
    return [`${styled}${check.padEnd(checkWidth)}${what}`, ...more.map((text) => indent + text)];
  });
  return `${[...lines, "", summary(findings)].join("\n")}\n`;
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
