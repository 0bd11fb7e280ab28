import { parseArgs } from "node:util";

/** The parts of the run. */
export const partNames = ["isolation", "stalled", "evaluate", "escalation", "orphan", "hot"] as const;
export type PartName = (typeof partNames)[number];

/** What a run attacks, and for how long. */
export interface Options {
  parts: readonly PartName[];
  quick: boolean;
  /** Seconds of each attack on the isolation of tenants. */
  seconds: number;
  /** Seconds without an attack, before and after each. */
  calmSeconds: number;
}

export const help = `npm run attack -- [options]
  --parts isolation,hot  only these: ${partNames.join(", ")}
  --seconds 12           of each attack on another tenant's latency
  --quick                a smoke run: short attacks, few steps; proves nothing about the limits
`;

/** Reads the arguments. Throws what is wrong with them; undefined where help is wanted. */
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
  const seconds = Number(values.seconds ?? (quick ? 3 : 12));
  if (!(seconds >= 1 && seconds <= 120)) throw new Error("--seconds: expected 1 to 120");
  return {
    parts: values.parts.split(",").map(asPart),
    quick,
    seconds,
    calmSeconds: quick ? 2 : 8,
  };
}

function asPart(name: string): PartName {
  const part = partNames.find((one) => one === name);
  if (!part) throw new Error(`--parts: expected ${partNames.join(", ")}`);
  return part;
}
