import { outcome } from "../errors.ts";
import { createRandom, type Random } from "./random.ts";
import { serverSteps } from "./server-steps.ts";
import { fill, type NewExternalUser, newWorld, type SearchedApp, type World } from "./server-world.ts";
import type { SearchSummary } from "./summary.ts";
import { beyond, type Cells, reachByVerdict, type Witness, withinCells } from "./verdict-reach.ts";

/** The size of the search. Over the network, the server must allow ten sign-ups from one address. */
export interface SearchOptions {
  steps: number;
  seed: number;
  /** The steps in one organisation. By default 60. */
  stepsPerOrganisation?: number;
  app: SearchedApp;
  /** Set if the server trusts an issuer whose tokens claim roles. */
  newExternalUser?: NewExternalUser;
}

const maxViolations = 10;

/**
 * Creates random organisations in an account of a running service. Makes random changes by one weak principal and
 * everything that it creates: keys that it mints or rotates, and people whom it invites. After each allowed change it
 * computes the reach of every token of the account by `VerifyToken`, and reports:
 * - a token that gained something which the actor did not reach;
 * - a token that the first principal controls now and that reaches more than the first one did at the beginning.
 */
export async function searchEscalation(options: SearchOptions): Promise<SearchSummary> {
  const { steps, seed, stepsPerOrganisation = 60, app, newExternalUser } = options;
  const random = createRandom(seed);
  const summary: SearchSummary = { steps: 0, seed, organisations: 0, allowed: 0, refused: 0, violations: [] };
  const world = await newWorld(app, newExternalUser);
  while (summary.steps < steps && summary.violations.length < maxViolations) {
    summary.organisations += 1;
    await searchOrganisation(world, random, Math.min(stepsPerOrganisation, steps - summary.steps), summary);
  }
  return summary;
}

async function searchOrganisation(
  world: World,
  random: Random,
  count: number,
  summary: SearchSummary,
): Promise<void> {
  // Half of the organisations begin with a platform key that acts for the account.
  const first = await fill(world, random, summary.organisations % 2 === 0);
  let reached = await reachOf(world);
  const held = known(reached, first);
  world.within = withinCells(held);
  const controlled = new Set([first]);
  for (let step = 0; step < count; step++) {
    summary.steps += 1;
    const live = [...controlled].filter((id) => (reached.get(id)?.size ?? 0) > 0);
    if (live.length === 0) return;
    const actor = random.pick(live);
    const name = random.pick(Object.keys(serverSteps));
    const joined = await tryOut(world, random, actor, name);
    if (joined === "refused") {
      summary.refused += 1;
      continue;
    }
    summary.allowed += 1;
    if (joined !== undefined) controlled.add(joined);
    const after = await reachOf(world);
    const report = (what: string, cells: string[]) => {
      const more = cells.slice(0, 3).join("; ");
      summary.violations.push(
        `seed ${summary.seed}, step ${summary.steps}: ${name} by ${actor}: ${what}: ${more}`,
      );
    };
    for (const [id, cells] of after) {
      const gained = new Map([...cells].filter(([cell, end]) => end > (reached.get(id)?.get(cell) ?? -1)));
      const more = beyond(gained, known(reached, actor));
      if (more.length > 0) report(`${id} gained`, more);
      const over = controlled.has(id) ? beyond(cells, held) : [];
      if (over.length > 0) report(`${id} exceeds ${first}`, over);
    }
    if (summary.violations.length > 0) return;
    reached = after;
  }
}

async function tryOut(world: World, random: Random, actor: string, name: string) {
  let joined: string | undefined;
  const step = serverSteps[name];
  const ended = await outcome(
    (async () => {
      joined = await step?.(world, random, clientsOf(world, actor));
    })(),
  );
  if (ended === "ok") return joined;
  if (ended === "Internal" || ended === "Unknown") throw new Error(`${name} by ${actor} failed: ${ended}`);
  return "refused";
}

function clientsOf({ app, accountId, people, keys, platformKey }: World, id: string) {
  if (platformKey?.id === id) return app.clientAs(platformKey.token, { "latchkey-account": accountId });
  const person = people.find(({ profileId }) => profileId === id);
  if (person) return person.member;
  return app.clientAs(keys.find((key) => key.id === id)?.token ?? "");
}

function reachOf({
  app,
  accountId,
  workspaces,
  people,
  externalUsers,
  keys,
  platformKey,
}: World): Promise<Map<string, Cells>> {
  const members = people.filter(({ profileId }) => profileId !== "");
  const witnesses: Witness[] = [
    ...members.map(({ profileId, user }) => ({ id: profileId, token: user.token, session: true })),
    ...externalUsers.map(({ id, token }) => ({ id, token, session: true })),
    ...keys.map(({ id, token }) => ({ id, token, session: false })),
    ...(platformKey ? [{ ...platformKey, session: false, acts: true }] : []),
  ];
  return reachByVerdict(app.clientAs(app.platformToken), accountId, workspaces, witnesses);
}

function known(reached: Map<string, Cells>, id: string): Cells {
  const cells = reached.get(id);
  if (!cells) throw new Error(`${id} has no token`);
  return cells;
}
