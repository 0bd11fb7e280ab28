import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createGuard } from "../../src/guard/guard.ts";
import type { Guard } from "../../src/guard/types.ts";
import { accountHeader } from "../../src/rpc/middleware/context.ts";
import { type Clients, newWorkspace, type Owner, startBeside, type TestApp, useApp } from "../support/app.ts";
import { inTurns, servedFromCache } from "../support/coherence/instances.ts";
import { expectSameAccess } from "../support/coherence/same-access.ts";
import { outcome } from "../support/errors.ts";
import { long } from "../support/long.ts";
import { type Command, pick } from "../support/model/commands.ts";
import { grantCommands } from "../support/model/grants.ts";
import { keyCommands } from "../support/model/keys.ts";
import { actors, type Rights, type World, without } from "../support/model/model.ts";
import { peopleCommands } from "../support/model/people.ts";
import { endGraces } from "../support/model/reach.ts";
import { roleCommands } from "../support/model/roles.ts";
import { serviceAccountCommands } from "../support/model/service-accounts.ts";
import {
  type Credential,
  credentials,
  expected,
  guardVerdictOf,
  type VerifyRequest,
  verdictOf,
} from "../support/model/verdicts.ts";
import { runs } from "../support/random.ts";

const worlds = runs(2, 30);
const stepsPerRun = 25;

// The same people join an account per world, and a long search has many worlds.
const settings = { LATCHKEY_MAX_MEMBERSHIPS_PER_USER: "1000" };
const app = useApp(settings);
let other: TestApp;
const commands: Record<string, Command> = {
  ...roleCommands,
  ...peopleCommands,
  ...serviceAccountCommands,
  ...keyCommands,
  ...grantCommands,
};
const number = fc.nat({ max: 1000 });
const command = fc.constantFrom(...Object.keys(commands));
const step = fc.record(
  { command, actor: number, a: number, b: number, c: number },
  { noNullPrototype: true },
);
const steps = fc.array(step, { minLength: stepsPerRun, maxLength: stepsPerRun, size: "max" });

let users: Owner[] = [];
let endOther: (() => Promise<void>) | undefined;
let guard: Guard;
afterAll(async () => {
  await guard?.close();
  await endOther?.();
});

function clientAs(token: string, headers?: Record<string, string>): Clients {
  return inTurns([app, other], token, headers);
}

beforeAll(async () => {
  const beside = await startBeside(app, settings);
  other = beside.app;
  endOther = beside.end;
  guard = createGuard({ url: "", token: app.platformToken, transport: other.transportAs("") });
  expect(await guard.ready()).toBe(true);
  users = await Promise.all([1, 2, 3, 4].map((one) => app.newAccount(`Home ${one}`)));
});

test("after random changes through two instances, both and a guard verify every token as the model does, and no caller grants what it lacks", async () => {
  const tried = new Set<string>();
  const property = fc.asyncProperty(steps, async (sequence) => {
    const world = await newWorld();
    const granted = new Map<string, Set<string>>();
    expectGiven(world, granted);
    for (const [index, { command, actor: who, ...numbers }] of sequence.entries()) {
      const actor = pick(actors(world, clientAs), who);
      const plan = actor && commands[command]?.(world, actor, numbers);
      if (!plan) continue;
      const done = await outcome(plan.run());
      const as = actor.key ? `${actor.key.kind} key` : `${actor.person?.role?.builtin || "custom"} session`;
      expect({ index, command, as, done: done === "ok", reason: done }).toMatchObject({
        done: plan.allowed,
      });
      if (done === "ok") endGraces(world);
      tried.add(`${command} ${done}`);
      await expectModel(world, index);
      expectGiven(world, granted, actor.rights);
    }
    await expectModel(world, 1, true);
  });
  await fc.assert(property, { numRuns: worlds, endOnFailure: true });
  // In a short search, some commands have only one of their outcomes, or are not tried.
  expect(tried.size).toBeGreaterThan(Object.keys(commands).length / (long ? 1 : 2));
  // How many verifications the caches answered depends on the speed of the machine.
  for (const one of [app, other]) expect(await servedFromCache(one)).toBeGreaterThan(0);
  expect(guard.state().cacheHits).toBeGreaterThan(0);
  expect(await expectSameAccess(app.db)).toBeGreaterThan(15 * worlds);
});

/** Makes an account with an owner, two workspaces, and some roles, teams, keys and members. Three users do not belong to it. */
async function newWorld(): Promise<World> {
  const [first] = users;
  if (!first) throw new Error("no user signed up");
  const { account, profile } = await first.accounts.createAccount({ metadata: { name: "Model" } });
  const accountId = account?.metadata?.id ?? "";
  const people = users.map((user) => ({
    user: clientAs(user.token),
    member: clientAs(user.token, { [accountHeader]: accountId }),
    email: user.email,
    profileId: "",
    role: undefined as World["roles"][number] | undefined,
    teams: new Set<World["teams"][number]>(),
    grants: new Set<string>(),
  }));
  const [owner] = people;
  if (!owner) throw new Error("no user signed up");
  const builtins = {
    owner: ["*"],
    admin: ["*"],
    developer: ["*:write", "api_keys:write"],
    viewer: ["*:read"],
  };
  const { items } = await owner.member.roles.listRoles({});
  const roles = Object.entries(builtins).map(([builtin, permissions]) => ({
    id: items.find(({ metadata }) => metadata?.name === builtin)?.metadata?.id ?? "",
    permissions,
    builtin,
  }));
  Object.assign(owner, { profileId: profile?.metadata?.id, role: roles[0] });
  const workspaces = [await newWorkspace(owner.member), await newWorkspace(owner.member)];
  const world: World = { accountId, workspaces, people, roles, teams: [], robots: [], keys: [] };
  const start: [string, number, number, number][] = [
    ["join", 0, 1, 0],
    ["join", 0, 2, 0],
    ["createRole", 4, 0, 0],
    ["createRole", 5, 0, 0],
    ["createTeam", 4, 0, 0],
    ["createTeam", 5, 0, 0],
    ["createRobot", 0, 0, 0],
    ["createKey", 1, 1, 7],
    ["createKey", 0, 1, 6],
    ["createKey", 2, 1, 7],
  ];
  for (const [command, a, b, c] of start) {
    const [actor] = actors(world, clientAs);
    const plan = actor && commands[command]?.(world, actor, { a, b, c });
    if (!plan) throw new Error(`the world cannot start with ${command}`);
    await plan.run();
  }
  return world;
}

/** Compares the verdicts of tokens with the model. Includes tokens that have ended for good only if `all` is set. */
async function expectModel(world: World, turn: number, all = false): Promise<void> {
  const verifiers = [app, other].map((one) => one.clientAs(app.platformToken).tokens);
  const permissions = ["agents:read", "agents:manage", "runs:start", "api_keys:write", "teams:read"];
  const requirements =
    turn % 3 === 0
      ? { workspaceId: "", requiredPermissions: [] }
      : {
          workspaceId: pick(world.workspaces, turn) ?? "",
          requiredPermissions: [pick(permissions, turn) ?? ""],
        };
  const compared = credentials(world).filter(({ over }) => all || !over);
  for (let from = 0; from < compared.length; from += 100) {
    const some = compared.slice(from, from + 100);
    const requests = some.map(({ token }) => ({
      ...{ token, accountId: world.accountId, dryRun: turn % 3 !== 2 },
      ...requirements,
    }));
    const expectedVerdicts = some.map((one, index) =>
      expected(one, requests[index] ?? { dryRun: false, ...requirements }),
    );
    for (const tokens of verifiers) {
      const { responses } = await tokens.batchVerifyTokens({ requests });
      expect(responses.map(verdictOf)).toEqual(expectedVerdicts);
    }
    // Without requirements, each step finds what the cache of the guard has from the steps before.
    await expectGuard(world.accountId, some, { workspaceId: "", requiredPermissions: [] });
    await expectGuard(world.accountId, some, requirements);
  }
}

/** Compares the verdicts of the guard with the model. */
async function expectGuard(
  accountId: string,
  compared: readonly Credential[],
  { workspaceId, requiredPermissions: permissions }: Omit<VerifyRequest, "dryRun">,
): Promise<void> {
  const requirements = { accountId, workspaceId: workspaceId || undefined, permissions };
  const verdicts = await Promise.all(compared.map(({ token }) => guard.verify(token, requirements)));
  expect(verdicts.map(guardVerdictOf)).toEqual(
    compared.map((one) => expected(one, { dryRun: false, workspaceId, requiredPermissions: permissions })),
  );
}

/** Checks that each principal gained only what the actor `by` held. Without `by`, it records the initial state. */
function expectGiven(world: World, granted: Map<string, Set<string>>, by?: Rights): void {
  for (const { name, rights } of credentials(world)) {
    const before = granted.get(name) ?? new Set();
    const gained = without(rights.permissions, before);
    if (by) expect([...without(gained, by.permissions)]).toEqual([]);
    granted.set(name, new Set([...before, ...gained]));
  }
}
