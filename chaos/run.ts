import { parseArgs } from "node:util";
import { parseInteger, parseNames } from "../bench/arguments.ts";
import { createPartRunner, progress } from "../bench/part-runner.ts";
import { breakages } from "./broken.ts";
import { type Fault, faults, type GuardFault, guardFaults } from "./faults.ts";
import type { Outcome } from "./ledger.ts";
import { runScenario, type Scenario } from "./scenario.ts";

const partNames = ["calm", "faults", "guards", "guard-faults", "controls"] as const;
type PartName = (typeof partNames)[number];

const help = `npm run chaos -- [options]
  --revocations 10000    revocations that return, in each part
  --seconds 900          longest time of each part, except the controls
  --parts guards         only these parts; all: ${partNames.join(", ")}. The controls are
                         servers with a broken protocol, which the run must detect
  --faults kill,stop     only these faults of instances and of Postgres; all: ${Object.keys(faults).join(", ")}
`;

const runner = createPartRunner();

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      revocations: { type: "string", default: "10000" },
      seconds: { type: "string", default: "900" },
      parts: { type: "string", default: partNames.join(",") },
      faults: { type: "string" },
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
  const guarded: Scenario = { ...base, instances: 2, guards: 2 };
  const guardNames = Object.keys(guardFaults) as GuardFault[];
  const scenarios: Record<Exclude<PartName, "controls">, [title: string, Scenario]> = {
    calm: ["without faults", base],
    faults: [`with ${chosen.length} kinds of fault`, { ...base, faults: chosen }],
    guards: ["two guards, without faults", guarded],
    "guard-faults": ["two guards, with faults", { ...guarded, faults: chosen, guardFaults: guardNames }],
  };
  let holds = true;
  for (const part of parseNames("--parts", values.parts, partNames)) {
    if (part === "controls") {
      holds = (await detectsBreakages(base)) && holds;
      continue;
    }
    const [title, scenario] = scenarios[part];
    const outcome = await report(title, scenario);
    const isTried = outcome.revoked > 0 && (scenario.guards === undefined || outcome.guarded > 0);
    holds &&= isTried && outcome.late === 0;
  }
  return holds;
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
