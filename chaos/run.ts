import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { alterCopy } from "../bench/altered.ts";
import { breakages } from "./broken.ts";
import { type Fault, faults } from "./faults.ts";
import { type Outcome, runScenario, type Scenario } from "./scenario.ts";

const help = `npm run chaos -- [options]
  --revocations 10000    that return with nothing broken, and as many under faults
  --seconds 900          at most, for each part
  --faults kill,stop     only these: ${Object.keys(faults).join(", ")}
  --skip-controls        leave out the broken copies that must be caught
`;

const root = join(import.meta.dirname, "..");

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
  const chosen = (values.faults?.split(",") ?? Object.keys(faults)).map(asFault);
  const each = number("--revocations", values.revocations);
  const base: Scenario = {
    root,
    instances: 3,
    revocations: each,
    maxSeconds: number("--seconds", values.seconds),
    faults: [],
    longestMs: 10_000,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  };
  const healthy = await tell("nothing broken", base);
  const broken = await tell(`${chosen.length} kinds of fault`, { ...base, faults: chosen });
  const holds = healthy.late === 0 && broken.late === 0 && healthy.revoked + broken.revoked > 0;
  if (values["skip-controls"]) return holds;
  let caught = true;
  for (const [name, breakage] of Object.entries(breakages)) {
    const copy = alterCopy(root, [breakage]);
    try {
      const few = {
        ...base,
        root: copy,
        revocations: 1_500,
        maxSeconds: 60,
        faults: breakage.faults,
        longestMs: 3_000,
      };
      const { late } = await tell(`control, which must be caught: ${name}`, few);
      caught &&= late > 0;
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
  if (!caught) print("a control was not caught: what the harness does not see, it does not rule out\n");
  return holds && caught;
}

async function tell(title: string, scenario: Scenario): Promise<Outcome> {
  const seen = await runScenario(scenario);
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const struck = Object.entries(seen.faults).map(([fault, count]) => `${count} × ${fault}`);
  print(
    [
      `${title}: ${scenario.instances} instances, ${seen.seconds.toFixed(0)} s`,
      `  accepted after the revocation had returned: ${seen.late}${seen.late > 0 ? `, by up to ${ms(seen.worstMs)}` : ""}`,
      `  ${seen.revoked} revocations returned (p50 ${ms(seen.p50)}, p99 ${ms(seen.p99)}; through the instance that nothing`,
      `  was done to, at most ${ms(seen.slowestUntouched)}), ${seen.unanswered} did not; ${seen.verifications} verifications`,
      `  ${struck.join(", ") || "no faults"}`,
      "",
    ].join("\n"),
  );
  return seen;
}

function asFault(name: string): Fault {
  if (!Object.hasOwn(faults, name)) throw new Error(`--faults: expected ${Object.keys(faults).join(", ")}`);
  return name as Fault;
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 10_000_000)) throw new Error(`${name}: expected a number from 1 to 10000000`);
  return value;
}

function print(text: string): void {
  process.stdout.write(text);
}

main().then(
  (fine) => process.exit(fine ? 0 : 1),
  (error: unknown) => {
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
