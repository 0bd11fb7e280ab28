import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { createGuard } from "../../../src/guard/guard.ts";
import type { Guard } from "../../../src/guard/types.ts";
import { issueKey, type Owner, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { inTurns } from "../../support/coherence/instances.ts";
import { answerTo, type ModelAnswer, type ModelRequest } from "../../support/limits/model.ts";
import { commands, createKey, type Numbers, type World } from "../../support/limits/model-commands.ts";
import { runs } from "../../support/random.ts";

// The first world has the example.
const worlds = runs(2);
const stepsPerWorld = 40;
const app = useApp();
let other: TestApp;
let endOther: (() => Promise<void>) | undefined;
let guard: Guard;

beforeAll(async () => {
  const beside = await startBeside(app);
  other = beside.app;
  endOther = beside.end;
  guard = createGuard({ url: "", token: app.platformToken, transport: other.transportAs("") });
  expect(await guard.ready()).toBe(true);
});
afterAll(async () => {
  await guard?.close();
  await endOther?.();
});

const number = fc.nat({ max: 1_000 });
// Most steps verify.
const command = fc.oneof(
  { weight: 3, arbitrary: fc.constant("verify") },
  { weight: 2, arbitrary: fc.constantFrom(...Object.keys(commands)) },
);
const step = fc.record({ command, key: number, a: number, b: number, c: number }, { noNullPrototype: true });
const steps = fc.array(step, { minLength: stepsPerWorld, maxLength: stepsPerWorld, size: "max" });

test("after random changes of limits and credits, two instances and a guard answer as the model does", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const world = await newWorld();
      for (const [index, { command, key: which, ...numbers }] of sequence.entries()) {
        const key = world.keys[which % world.keys.length];
        if (!key) throw new Error("a world has a key");
        await commands[command]?.(world, key, numbers);
        const { a, b, c } = numbers;
        const request = { permitted: a % 8 > 0, cost: b % 2 ? undefined : c % 4, dryRun: c % 5 === 0 };
        for (const [verifier, answers] of Object.entries(verifiers)) {
          // A guard verifies for real.
          const asked = { ...request, dryRun: request.dryRun && verifier !== "guard" };
          const expected = answerTo(world, key, asked);
          const answer = await answers(key.token, asked);
          const step = { index, command, verifier, asked };
          expect({ ...step, ...certain(answer, expected) }).toEqual({ ...step, ...expected });
          seen.add(`${verifier} ${expected.verdict}`);
        }
      }
    }),
    { numRuns: worlds, endOnFailure: true, examples: [[everyVerdict]] },
  );
  for (const verifier of Object.keys(verifiers)) {
    for (const verdict of ["VALID", "RATE_LIMITED", "QUOTA_EXCEEDED", "REVOKED"]) {
      expect(seen).toContain(`${verifier} ${verdict}`);
    }
  }
  // The guard was able to answer from its cache. Which steps of a search it answered so depends on how fast changes arrive.
  const { token } = await issueKey(await app.newAccount());
  const hits = async () => {
    await guard.verify(token);
    return guard.state().cacheHits;
  };
  await expect.poll(hits).toBeGreaterThan(0);
});

// Each verifier gives each of the verdicts that the test expects at least once.
const everyVerdict = [
  ...[inStep("verify", 0), inStep("verify", 0)],
  ...[inStep("setCredits", 0, { b: 2 }), inStep("verify", 0)],
  // Each step verifies three times, so this limit of five leaves a call to make the key with the number 3, and is then used up.
  ...[inStep("limitKey", 1, { b: 4 }), inStep("mintKey", 1), inStep("verify", 1)],
  ...[inStep("revokeKey", 2, { b: 0 }), inStep("verify", 2)],
  // Number 3 draws on number 1. When that has no limits, number 3 makes a key that draws on nothing.
  ...[inStep("limitKey", 1, { b: 0 }), inStep("mintKey", 3), inStep("verify", 4)],
];

function inStep(command: string, key: number, numbers: Partial<Numbers> = {}) {
  return { command, key, a: 1, b: 1, c: 1, ...numbers };
}

const clientAs = (token: string) => inTurns([app, other], token);

async function newWorld(): Promise<World> {
  const owner: Owner = await app.newAccount();
  const world: World = {
    id: owner.account.metadata?.id ?? "",
    owner: clientAs(owner.token),
    platform: clientAs(app.platformToken),
    clientAs,
    ...{ keys: [], limits: [], credits: undefined },
  };
  for (const [a, b] of [
    [0, 0],
    [1, 1],
    [1, 2],
  ] as const)
    await createKey(world, { a, b, c: 0 });
  return world;
}

// Returns the answer with the part that the model leaves open replaced by what the model has.
function certain(answer: Answer, expected: ModelAnswer) {
  const { verdict, name, remaining, credits } = answer;
  const named = name === undefined ? expected.names.length === 0 : expected.names.includes(name);
  return {
    verdict,
    names: named ? expected.names : [name],
    remaining: expected.remaining === undefined && name !== undefined ? undefined : remaining,
    // A dry run also looks at the credits of a key that a limit refuses.
    credits: verdict === "RATE_LIMITED" ? undefined : credits,
  };
}

interface Answer {
  verdict: string;
  name: string | undefined;
  remaining: number | undefined;
  credits: number | undefined;
}

type Verify = (token: string, request: ModelRequest) => Promise<Answer>;

const requiredBy = ({ permitted }: ModelRequest) => [permitted ? "agents:read" : "agents:write"];

const byServer =
  (server: () => TestApp): Verify =>
  async (token, request) => {
    const { cost, dryRun } = request;
    const { verdict, rateLimit, credits } = await server()
      .clientAs(app.platformToken)
      .tokens.verifyToken({
        ...{ token, dryRun, requiredPermissions: requiredBy(request) },
        ...(cost !== undefined && { cost }),
      });
    const { name, remaining } = rateLimit ?? {};
    const verdictName = VerdictSchema.value[verdict]?.localName ?? "";
    return { verdict: verdictName, name, remaining, credits: credits?.remaining };
  };

const byGuard: Verify = async (token, request) => {
  const { cost } = request;
  const requirements = { permissions: requiredBy(request), cost };
  const { reason, rateLimit, credits } = await guard.verify(token, requirements);
  const { name, remaining } = rateLimit ?? {};
  return { verdict: reason.replace(/_API_KEY$/, ""), name, remaining, credits: credits?.remaining };
};

const verifiers: Record<string, Verify> = {
  one: byServer(() => app),
  two: byServer(() => other),
  guard: byGuard,
};
