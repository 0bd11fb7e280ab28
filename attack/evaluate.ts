import { decimals, whole } from "../bench/compare.ts";
import { timeOf } from "../bench/evaluate.ts";
import { entitlements, largest } from "../bench/largest.ts";
import { readConfig } from "../src/config/config.ts";
import type { Part } from "./part.ts";

const limitMs = 1;

/** One evaluation of the largest principal that the default bounds allow, by the bench's part of that name. */
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
    `**${decimals(slower)} ms** if nothing that is asked for is found, ${decimals(granted ?? Number.NaN)} ms otherwise (medians)`,
    `${decimals(timeOf(load, quick ? 10 : 200))} ms once, when the row is loaded`,
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
