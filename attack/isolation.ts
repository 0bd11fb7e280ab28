import { setTimeout as wait } from "node:timers/promises";
import type { Stack } from "../bench/stack.ts";
import type { AttackJob } from "./attacker.ts";
import type { Heavy } from "./heavy.ts";
import { largestAllowed, openHeavyTenant, type Weight } from "./heavy-tenant.ts";
import { isolationRow } from "./isolation-row.ts";
import type { Options } from "./options.ts";
import type { Part } from "./part.ts";
import type { Counts } from "./repeat.ts";
import { describe, type VictimSeen } from "./seen.ts";
import { openStage } from "./stage.ts";

/** One attack on the isolation of tenants. */
export interface Scenario {
  /** The text in the table. */
  title: string;
  name: AttackJob["name"];
  /** Whether each call uses another address. */
  spread?: boolean;
  heavy?: Weight;
}

/** The observations of the victim before, during and after an attack, and the results of the attacker's calls. */
export interface Outcome {
  scenario: Scenario;
  before: VictimSeen;
  attacked: VictimSeen;
  after: VictimSeen;
  counts: Counts;
}

/** A principal above the bounds, as it can exist in a database from before the bounds. */
export const beforeTheBounds: Weight = {
  ...largestAllowed(),
  roles: 16,
  permissionsPerRole: 256,
  roleSource: "sql",
};

/** The attacks of the table. */
export const scenarios: readonly Scenario[] = [
  { title: "200 concurrent sign-ups, each from another address", name: "signUps", spread: true },
  { title: "200 concurrent sign-ups from one address", name: "signUps" },
  {
    title: "4 clients with slow passwords, each request from another address",
    name: "slowPasswords",
    spread: true,
  },
  { title: "4 clients with slow passwords from one address", name: "slowPasswords" },
  { title: "64 concurrent log-ins, each from another address", name: "logIns", spread: true },
  { title: "64 concurrent log-ins from one address", name: "logIns" },
  {
    title: "6 heavy principals of the largest size that the bounds allow, hot and cold",
    name: "heavyPrincipals",
    heavy: largestAllowed(),
  },
  {
    title: "6 heavy principals, 16 roles × 256 permissions from before the bounds, hot and cold",
    name: "heavyPrincipals",
    heavy: beforeTheBounds,
  },
  { title: "10,000 idle sockets from one address", name: "idleSockets" },
  { title: "8 rapid-reset connections × 5,000 resets, repeated", name: "rapidReset" },
  { title: "100 streams of VerifyToken without a bearer on one connection, repeated", name: "noBearers" },
  { title: "10 zipped bodies per second with 90,000 unknown fields to LogIn", name: "zippedBodies" },
  { title: "10 zipped bodies per second with an e-mail address of 1 MB to LogIn", name: "longTexts" },
];

const settleMs = 1_000;
const warmSeconds = 4;
// The number of unseen keys per attack. After these, the attack uses them again.
const unseenKeys = 120;

/** The latency and refusals of another tenant during each attack. */
export const isolation: Part = async (stack, options, progress) => {
  const outcomes = await measureIsolation(stack, options, scenarios, progress);
  return outcomes.map(isolationRow);
};

/** Runs the attacks one after the other against one server. The victim works before, during and after each attack. */
export async function measureIsolation(
  stack: Stack,
  { seconds, calmSeconds }: Pick<Options, "seconds" | "calmSeconds">,
  attacks: readonly Scenario[],
  progress: (line: string) => void,
): Promise<Outcome[]> {
  const each = seconds + calmSeconds + warmSeconds;
  const stage = await openStage(stack, warmSeconds + calmSeconds + attacks.length * each);
  const heavy = new Map<Scenario, Heavy>();
  for (const scenario of attacks) {
    if (!scenario.heavy) continue;
    heavy.set(scenario, await openHeavyTenant(stage, `heavy${heavy.size}`, scenario.heavy, unseenKeys));
  }
  await stage.watch(warmSeconds);
  const outcomes: Outcome[] = [];
  let before = await stage.watch(calmSeconds);
  for (const scenario of attacks) {
    const principals = heavy.get(scenario);
    const job = {
      name: scenario.name,
      seconds,
      // Each attack has another address, so that an earlier attack does not use up its limit per address.
      ...(!scenario.spread && { address: `127.0.0.${2 + outcomes.length}` }),
      ...(principals && { heavy: principals }),
    };
    const [[counts = {}], attacked] = await Promise.all([stage.attack([job]), stage.watch(seconds)]);
    await wait(settleMs);
    if (await stage.revive()) {
      progress("the server ended, so another one was started");
      await stage.watch(warmSeconds);
    }
    const after = await stage.watch(calmSeconds);
    outcomes.push({ scenario, before, attacked, after, counts });
    const seen = [describe(before), describe(attacked), JSON.stringify(counts), describe(after)];
    progress([scenario.title, ...seen].join("\n  "));
    before = after;
  }
  return outcomes;
}
