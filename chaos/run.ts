import { parseArgs } from "node:util";
import { parseInteger, parseNames } from "../bench/arguments.ts";
import { createPartRunner, progress } from "../bench/part-runner.ts";
import { breakages } from "./broken.ts";
import { type Fault, faults } from "./faults.ts";
import { type Outcome, runScenario, type Scenario } from "./scenario.ts";

const help = `npm run chaos -- [options]
  --revocations 10000    revocations that return, first without faults, then as many with faults
  --seconds 900          longest time of each of the two parts
  --faults kill,stop     only these faults; all: ${Object.keys(faults).join(", ")}
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
  const holds = calm.late === 0 && faulty.late === 0 && calm.revoked + faulty.revoked > 0;
  if (values["skip-controls"]) return holds;
  return (await detectsBreakages(base)) && holds;
}

// Runs the servers with each broken part. Returns whether the run saw a late acceptance with each of them.
async function detectsBreakages(base: Scenario): Promise<boolean> {
  let detectsAll = true;
  for (const [breakage, { faults }] of Object.entries(breakages)) {
    const { late } = await report(`control with a broken protocol: ${breakage}`, {
      ...base,
      breakage,
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
  const counts = Object.entries(outcome.faults).map(([fault, count]) => `${count} × ${fault}`);
  print(
    [
      `${title}: ${scenario.instances} instances, ${outcome.seconds.toFixed(0)} s`,
      `  keys accepted after their revocation had returned: ${outcome.late}${outcome.late > 0 ? `, at most ${ms(outcome.worstMs)} later` : ""}`,
      `  ${outcome.revoked} revocations returned (p50 ${ms(outcome.p50)}, p99 ${ms(outcome.p99)}; through the instance without faults`,
      `  at most ${ms(outcome.slowestWithoutFault)}), ${outcome.unanswered} did not; ${outcome.verifications} verifications`,
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
