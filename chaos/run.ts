import { parseArgs } from "node:util";
import { parseInteger, parseNames } from "../bench/arguments.ts";
import { createPartRunner, progress } from "../bench/part-runner.ts";
import { breakages } from "./broken.ts";
import { type Fault, faults, type GuardFault, guardFaults } from "./faults.ts";
import type { Outcome } from "./ledger.ts";
import { runScenario, type Scenario } from "./scenario.ts";

const help = `npm run chaos -- [options]
  --revocations 10000    revocations that return, in each part
  --seconds 900          longest time of each part: without and with faults, and the same again with guards
  --faults kill,stop     only these faults of instances and of Postgres; all: ${Object.keys(faults).join(", ")}
  --skip-controls        do not run the servers with a broken protocol that the run must detect
`;

const runner = createPartRunner();

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      revocations: { type: "string", default: "10000" },
      seconds: { type: "string", default: "900" },
      faults: { type: "string" },
      "skip-controls": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    print(help);
    return true;
  }
  const names = Object.keys(faults) as Fault[];
  const chosen = values.faults === undefined ? names : parseNames("--faults", values.faults, names);
  const base: Scenario = {
    instances: 3,
    revocations: parseInteger("--revocations", values.revocations, 1, 10_000_000),
    maxSeconds: parseInteger("--seconds", values.seconds, 1, 10_000_000),
    faults: [],
    longestMs: 10_000,
    onProgress: progress,
  };
  const calm = await report("without faults", base);
  const faulty = await report(`with ${chosen.length} kinds of fault`, { ...base, faults: chosen });
  const guarded: Scenario = { ...base, instances: 2, guards: 2 };
  const calmGuards = await report("two guards, without faults", guarded);
  const guardNames = Object.keys(guardFaults) as GuardFault[];
  const faultyGuards = await report("two guards, with faults", {
    ...guarded,
    faults: chosen,
    guardFaults: guardNames,
  });
  const parts = [calm, faulty, calmGuards, faultyGuards];
  const holds =
    parts.every(({ late, revoked }) => late === 0 && revoked > 0) &&
    calmGuards.guarded > 0 &&
    faultyGuards.guarded > 0;
  if (values["skip-controls"]) return holds;
  return (await detectsBreakages(base)) && holds;
}

// Runs the servers with each broken part. Returns whether the run saw a late acceptance with each of them.
async function detectsBreakages(base: Scenario): Promise<boolean> {
  let detectsAll = true;
  for (const [breakage, { faults, guardFaults }] of Object.entries(breakages)) {
    const { late } = await report(`control with a broken protocol: ${breakage}`, {
      ...base,
      breakage,
      ...(guardFaults && { instances: 2, guards: 2, guardFaults }),
      revocations: 1_500,
      maxSeconds: 60,
      faults,
      longestMs: 3_000,
    });
    detectsAll &&= late > 0;
  }
  if (!detectsAll) print("The run did not detect a broken protocol, so its result proves nothing.\n");
  return detectsAll;
}

async function report(title: string, scenario: Scenario): Promise<Outcome> {
  const outcome = await runner.run(title, (stack) => runScenario({ ...scenario, within: stack }));
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const guards = outcome.guarded > 0 ? ` (${outcome.guarded} from the cache of a guard)` : "";
  const counts = Object.entries(outcome.faults).map(([fault, count]) => `${count} × ${fault}`);
  print(
    [
      `${title}: ${scenario.instances} instances, ${outcome.seconds.toFixed(0)} s`,
      `  keys accepted after their revocation had returned: ${outcome.late}${outcome.late > 0 ? `, at most ${ms(outcome.worstMs)} later` : ""}`,
      `  ${outcome.revoked} revocations returned (p50 ${ms(outcome.p50)}, p99 ${ms(outcome.p99)}; through the instance without faults`,
      `  at most ${ms(outcome.slowestWithoutFault)}), ${outcome.unanswered} did not; ${outcome.verifications} verifications${guards}`,
      `  ${counts.join(", ") || "no faults"}`,
      "",
    ].join("\n"),
  );
  return outcome;
}

function print(text: string): void {
  process.stdout.write(text);
}

runner.exitAfter("chaos", main);
