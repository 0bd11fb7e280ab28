import { arch, cpus, release, totalmem, type } from "node:os";
import { type Case, comparedWithBetterAuth, createdByBetterAuth, echo, lookup } from "./cases.ts";
import type { Sample } from "./closed-loop.ts";
import { decimals, median, short, whole } from "./compare.ts";
import type { Options } from "./options.ts";

/** A row of the table: a case with one sample per round. */
export interface Row {
  of: Case;
  inFlight: number;
  rounds: Sample[];
}

// A process that uses more than this share of its core limits the rate.
const busy = 0.9;

/** Returns a line with the date, the machine and the database. */
export function machineLine(): string {
  const [cpu] = cpus();
  return [
    `${new Date().toISOString().slice(0, 10)}: ${cpu?.model ?? arch()}, ${cpus().length} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}`,
    "Postgres 18 (embedded, fsync and synchronous_commit on)",
  ].join("; ");
}

/** Returns a description of the machine and of the measurement. */
export function machineText(pinned: boolean, quickGenerators: boolean, options: Options): string {
  const where = pinned
    ? "the server on core 0, Postgres and the generator on core 1"
    : "no process bound to a core (taskset is missing, or the machine has one core)";
  return `${[
    machineLine(),
    quickGenerators ? "verifications by wrk and h2load" : "verifications by the bench's own generator",
    `LATCHKEY_LOG_LEVEL=warn; ${where}`,
    `medians of ${options.rounds} rounds, ${options.seconds} s a sample`,
  ].join("; ")}.\n`;
}

/** Returns the table of the cases. `keys` is the number of keys in the database. */
export function tableText(keys: number, rows: readonly Row[]): string {
  const head = [
    "| case | in flight | /s | p50 ms | p99 ms | of echo | of look-up | server µs | × echo | cores: server, Postgres, generator, others | held up by |",
    "| --- | --: | --: | --: | --: | --- | --- | --: | --- | --- | --- |",
  ];
  const lines = rows.map((row) => {
    const { rounds, inFlight, of } = row;
    const find = (name: string | undefined) =>
      rows.find((other) => other.of.name === name && other.inFlight === inFlight && other !== row);
    const middle = (pick: (sample: Sample) => number) => median(rounds.map(pick));
    const cores = [
      middle((sample) => sample.serverCores),
      middle((sample) => sample.postgresCores),
      of.server ? middle((sample) => sample.generatorCores) : 0,
      middle((sample) => sample.otherCores),
    ] as const;
    const cells = [
      of.name,
      inFlight,
      whole(middle((sample) => sample.perSecond)),
      decimals(middle((sample) => sample.p50)),
      decimals(middle((sample) => sample.p99)),
      ratio(rate, row, of.server === "latchkey" ? find(echo) : undefined) +
        (of.toReach !== undefined && inFlight > 1 ? `; to reach ≥ ${of.toReach}` : ""),
      of.server === "latchkey" ? ratio(rate, row, find(lookup)) : "",
      whole(middle(serverMicroseconds)),
      ratio(serverMicroseconds, row, of.server === "latchkey" ? find(echo) : undefined),
      cores.map((share) => share.toFixed(2)).join(", "),
      inFlight > 1 ? heldUpBy(cores) : "",
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `### Changes: ${whole(keys)} keys\n\n${[...head, ...lines].join("\n")}\n${betterAuthText(rows)}`;
}

// Returns a sentence about better-auth, or nothing if the run has no products of others.
function betterAuthText(rows: readonly Row[]): string {
  const find = (wanted: string) => rows.find(({ of, inFlight }) => of.name === wanted && inFlight > 1);
  const [base, ours] = [find(createdByBetterAuth), find(comparedWithBetterAuth.name)];
  if (!base || !ours) return "";
  return `\nThe rate of ${ours.of.name} is ${ratio(rate, ours, base)} of the rate at which better-auth creates keys (to reach: at least ${comparedWithBetterAuth.toReach}). better-auth checks no permission there and writes no audit event.\n`;
}

const rate = (sample: Sample) => sample.perSecond;
const serverMicroseconds = (sample: Sample) => (sample.serverCores / sample.perSecond) * 1e6;

// Each ratio comes from one round, because the speed of the machine changes from round to round.
function ratio(of: (sample: Sample) => number, row: Row, base: Row | undefined): string {
  if (!base) return "";
  const ratios = base.rounds.flatMap((limit, n) => {
    const sample = row.rounds[n];
    return sample ? [of(sample) / of(limit)] : [];
  });
  return `${short(median(ratios))} (${short(Math.min(...ratios))} to ${short(Math.max(...ratios))})`;
}

function heldUpBy([server, postgres, generator, others]: readonly [number, number, number, number]): string {
  if (generator >= busy) return "**generator**";
  if (server >= busy) return "server";
  if (generator + postgres >= busy) return "**core 1** (Postgres and generator)";
  return others >= 0.25 ? "other processes?" : "waiting";
}
