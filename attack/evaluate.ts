import { decimals, whole } from "../bench/compare.ts";
import { timeOf } from "../bench/evaluate.ts";
import { entitlements, largest } from "../bench/largest.ts";
import { readConfig } from "../src/config/config.ts";
import type { Part } from "./part.ts";

const limitMs = 1;

/** The duration of one evaluation of the largest principal that the default bounds allow, measured as in the bench. */
export const evaluate: Part = async (_stack, { quick }) => {
  const { bounds } = readConfig({});
  const { evaluate, evaluateInVain, load } = largest(bounds);
  const [granted, inVain] = [evaluate, evaluateInVain].map((run) => timeOf(run, quick ? 50 : 2_000));
  const slower = Math.max(granted ?? Number.NaN, inVain ?? Number.NaN);
  const size = [
    `${whole(bounds.permissionsPerPrincipal)} permissions`,
    `${whole(bounds.workspacesPerProfile)} workspaces`,
    `${entitlements} entitlements`,
    `${bounds.tokensPerKey} tokens`,
  ].join(", ");
  const measured = [
    `**${decimals(slower)} ms** if it meets no requirement, ${decimals(granted ?? Number.NaN)} ms otherwise (medians)`,
    `${decimals(timeOf(load, quick ? 10 : 200))} ms once per load of the row`,
  ];
  return [
    {
      attack: `evaluate: the largest principal that the bounds allow (${size})`,
      measured: measured.join("; "),
      limit: `≤ ${limitMs} ms`,
      held: slower <= limitMs,
    },
  ];
};
