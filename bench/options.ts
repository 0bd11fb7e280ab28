import { parseArgs } from "node:util";

/** The parts of the bench. */
export const partNames = [
  "hot",
  "cold",
  "flood",
  "workers",
  "memory",
  "evaluate",
  "revocation",
  "changes",
  "logIn",
] as const;
export type PartName = (typeof partNames)[number];

/** What a run measures, and for how long. */
export interface Options {
  parts: readonly PartName[];
  /** Keys in the database, where verification is cold. */
  sizes: number[];
  /** Whether others are measured too. */
  peers: boolean;
  quick: boolean;
  /** Seconds of each sample, after a shorter warm-up. */
  seconds: number;
  warmSeconds: number;
  /** Each case is measured so often, taking turns. */
  rounds: number;
  /** How often a sample is taken again that other processes disturbed. */
  retries: number;
  /** Log-ins with a known and with an unknown address, each. */
  logIns: number;
}

export const help = `npm run bench -- [options]
  --parts hot,cold       only these: ${partNames.join(", ")}
  --keys 10000,1000000   keys in the database, where verification is cold
  --large                10 million keys as well
  --seconds 3            of each sample
  --rounds 5             of all samples, taking turns
  --quick                a smoke run: 10,000 keys, no peers, one round of short samples; proves nothing about speed
`;

/** Reads the arguments. Throws what is wrong with them; undefined where help is wanted. */
export function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: "string", default: partNames.join(",") },
      keys: { type: "string" },
      large: { type: "boolean", default: false },
      seconds: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick } = values;
  const seconds = number("--seconds", values.seconds ?? (quick ? "0.3" : "3"), 0.1, 600);
  const sizes = (values.keys ?? (quick ? "10000" : "10000,1000000"))
    .split(",")
    .map((text) => whole("--keys", text, 100, 100_000_000));
  return {
    parts: values.parts.split(",").map(asPart),
    sizes: values.large ? [...sizes, 10_000_000] : sizes,
    peers: !quick,
    quick,
    seconds,
    warmSeconds: Math.min(1, seconds / 3),
    rounds: whole("--rounds", values.rounds ?? (quick ? "1" : "5"), 1, 1_000),
    retries: quick ? 0 : 2,
    logIns: quick ? 5 : 200,
  };
}

function asPart(name: string): PartName {
  const part = partNames.find((one) => one === name);
  if (!part) throw new Error(`--parts: expected ${partNames.join(", ")}`);
  return part;
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, min, max);
  if (!Number.isInteger(value)) throw new Error(`${name}: expected whole numbers`);
  return value;
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max))
    throw new Error(`${name}: expected ${min} to ${max}`);
  return value;
}
