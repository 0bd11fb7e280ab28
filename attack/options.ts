import { parseArgs } from "node:util";
import { parseNames, parseNumber } from "../bench/arguments.ts";

/** The parts of the run. */
export const partNames = ["isolation", "stalled", "evaluate", "escalation", "orphan", "hot"] as const;
export type PartName = (typeof partNames)[number];

/** What a run attacks, and for how long. */
export interface Options {
  parts: readonly PartName[];
  quick: boolean;
  /** The length of each attack on the isolation of tenants, in seconds. */
  seconds: number;
  /** The seconds without an attack, before and after each one. */
  calmSeconds: number;
}

export const help = `npm run attack -- [options]
  --parts isolation,hot  only these parts; all: ${partNames.join(", ")}
  --seconds 12           length of each attack on another tenant's latency
  --quick                short attacks and few steps; checks only that the attacks run
`;

/** Reads the arguments. Throws if one is invalid. Returns undefined for `--help`. */
export function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: "string", default: partNames.join(",") },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  return {
    parts: parseNames("--parts", values.parts, partNames),
    quick,
    seconds: parseNumber("--seconds", values.seconds ?? (quick ? "3" : "12"), 1, 120),
    calmSeconds: quick ? 2 : 8,
  };
}
