import { parseArgs } from "node:util";
import { parseInteger, parseNames, parseNumber } from "./arguments.ts";

/** The parts of the bench. */
export const partNames = [
  "hot",
  "cold",
  "flood",
  "workers",
  "memory",
  "evaluate",
  "parse",
  "revocation",
  "limits",
  "guard",
  "changes",
  "logIn",
  "console",
] as const;
export type PartName = (typeof partNames)[number];

/** What a run measures, and for how long. */
export interface Options {
  parts: readonly PartName[];
  /** The numbers of keys in the database for the cold part. */
  sizes: number[];
  /** Whether the run also measures products of others. */
  peers: boolean;
  quick: boolean;
  /** The length of each sample in seconds, after a shorter warm-up. */
  seconds: number;
  warmSeconds: number;
  /** How many samples the run takes of each case. The cases take turns. */
  rounds: number;
  /** How often the run repeats a sample that other processes disturbed. */
  retries: number;
  /** How many log-ins the run makes with known addresses, and as many with unknown ones. */
  logIns: number;
}

export const help = `npm run bench -- [options]
  --parts hot,cold       only these parts; all: ${partNames.join(", ")}
  --keys 10000,1000000   numbers of keys in the database for the cold part
  --large                also with 10 million keys
  --seconds 3            length of each sample
  --rounds 5             samples of each case; the cases take turns
  --quick                10,000 keys, no products of others, one round of short samples; checks only that the bench runs
`;

/** Reads the arguments. Throws if one is invalid. Returns undefined for `--help`. */
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
  const seconds = parseNumber("--seconds", values.seconds ?? (quick ? "0.3" : "3"), 0.1, 600);
  const sizes = (values.keys ?? (quick ? "10000" : "10000,1000000"))
    .split(",")
    .map((text) => parseInteger("--keys", text, 100, 100_000_000));
  return {
    parts: parseNames("--parts", values.parts, partNames),
    sizes: values.large ? [...sizes, 10_000_000] : sizes,
    peers: !quick,
    quick,
    seconds,
    warmSeconds: Math.min(1, seconds / 3),
    rounds: parseInteger("--rounds", values.rounds ?? (quick ? "1" : "5"), 1, 1_000),
    retries: quick ? 0 : 2,
    logIns: quick ? 5 : 200,
  };
}
