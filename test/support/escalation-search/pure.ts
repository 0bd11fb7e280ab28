import {
  type Holder,
  type PrincipalChange,
  refuseEscalation,
} from "../../../src/domain/access/escalation.ts";
import { newOrganisation, type Organisation } from "./organisation.ts";
import { callerOf, listedCaller } from "./pure-actor.ts";
import { type Attempt, invited, steps } from "./pure-steps.ts";
import { createRandom, type Random } from "./random.ts";
import { type Bits, gainIsInside, isInside, keyBits, platformBits, reachOfAll } from "./reach-model.ts";
import type { SearchSummary } from "./summary.ts";

/** The size of the search, and the function under test. */
export interface PureSearchOptions {
  steps: number;
  seed: number;
  /** The function under test. It throws if a change is refused. */
  refuse?: (caller: Holder, changes: readonly PrincipalChange[]) => void;
}

const stepsPerOrganisation = 100;
const maxViolations = 10;

/**
 * Creates random organisations and makes random changes by one weak principal and everything that it creates. After
 * each step it computes the reach of every principal from plain sets, and reports:
 * - a principal that gained something which the actor did not reach;
 * - a principal that the first one controls now and that reaches more than the first one did at the beginning;
 * - a key whose list and scope have more than before and more than the acting key, if both keys have an owner.
 */
export function searchEscalationPure({
  steps: total,
  seed,
  refuse = refuseEscalation,
}: PureSearchOptions): SearchSummary {
  const random = createRandom(seed);
  const summary: SearchSummary = { steps: 0, seed, organisations: 0, allowed: 0, refused: 0, violations: [] };
  while (summary.steps < total && summary.violations.length < maxViolations) {
    summary.organisations += 1;
    searchOrganisation(random, Math.min(stepsPerOrganisation, total - summary.steps), refuse, summary);
  }
  return summary;
}

type Refuse = Required<PureSearchOptions>["refuse"];

function searchOrganisation(random: Random, count: number, refuse: Refuse, summary: SearchSummary): void {
  const at = newOrganisation(random);
  let reached = reachOfAll(at);
  const first = random.pick(
    [...at.people.keys(), ...at.keys.keys(), ...at.platformKeys.keys()].filter((id) => reached.has(id)),
  );
  const held = known(reached, first);
  const controlled = new Set([first]);
  for (let step = 0; step < count; step++) {
    summary.steps += 1;
    const actors = [...controlled].filter((id) => reached.has(id));
    if (actors.length === 0) return;
    const tried = tryOut(at, random, random.pick(actors));
    if (!tried) continue;
    const { actor, name, attempt } = tried;
    if (!passes(at, actor, attempt, refuse)) {
      summary.refused += 1;
      continue;
    }
    summary.allowed += 1;
    const names = namesOf(at);
    attempt.apply();
    if (attempt.joins !== undefined) controlled.add(attempt.joins);
    const after = reachOfAll(at);
    const report = (what: string) =>
      void summary.violations.push(
        `seed ${summary.seed}, step ${summary.steps}: ${name} by ${actor}: ${what}`,
      );
    for (const [id, bits] of after) {
      if (!gainIsInside(reached.get(id), bits, known(reached, actor))) report(`${id} gained`);
      if (controlled.has(id) && !isInside(bits, held)) report(`${id} exceeds ${first}`);
    }
    const own = names.get(actor);
    for (const [id, bits] of namesOf(at)) {
      if (own && !gainIsInside(names.get(id), bits, own)) report(`${id} names more than ${actor}`);
    }
    if (summary.violations.length > 0) return;
    reached = after;
  }
}

interface Tried {
  name: string;
  /** The principal by which the change is evaluated: the actor, or the maker of the accepted invite. */
  actor: string;
  attempt: Attempt;
}

function tryOut(at: Organisation, random: Random, actor: string): Tried | undefined {
  const name = random.pick([...Object.keys(steps), "accept"]);
  if (name === "accept") return accept(at, random);
  const attempt = steps[name]?.(at, random, actor);
  return attempt && { name, actor, attempt };
}

function passes(at: Organisation, actor: string, { changes, listed }: Attempt, refuse: Refuse): boolean {
  try {
    refuse(callerOf(at, actor), changes);
    const own = listed && listedCaller(at, actor);
    if (own) refuse(own, listed);
    return true;
  } catch {
    return false;
  }
}

// Makes a person accept a pending invite. Only controlled principals make invites in this search.
function accept(at: Organisation, random: Random): Tried | undefined {
  if (at.invites.size === 0) return undefined;
  const [id, { roleId, workspaces, by }] = random.pick([...at.invites]);
  if (at.keys.get(by)?.disabled) return undefined;
  // The actor does not control what an issuer claims for a guest.
  const guests = [...at.people].filter(([, { roleId: role }]) => role === null);
  const [guestId, guest] = guests.length > 0 && random.chance(0.5) ? random.pick(guests) : [];
  const person = guestId ?? `invited by ${id}`;
  const attempt = {
    changes: invited(at, roleId, workspaces, guest),
    apply() {
      at.invites.delete(id);
      const external = guest?.external && { ...guest.external, removed: false };
      at.people.set(person, {
        roleId,
        teamIds: [],
        workspaces: [...workspaces],
        ...(external && { external }),
      });
    },
    ...(!guest && { joins: person }),
  };
  return { name: "accept", actor: by, attempt };
}

// Returns the lists and scopes of the keys with an owner, whatever their owners may do.
function namesOf({ keys, platformKeys }: Organisation): Map<string, Bits> {
  const owned = [...keys].filter(([, key]) => key.owner !== null);
  return new Map([
    ...owned.map(([id, key]): [string, Bits] => [id, keyBits(key, undefined)]),
    ...[...platformKeys].map(([id, key]): [string, Bits] => [id, platformBits(key)]),
  ]);
}

function known<T>(map: Map<string, T>, id: string): T {
  const value = map.get(id);
  if (value === undefined) throw new Error(`${id} reaches nothing`);
  return value;
}
