import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { sharesOf, type Turn, type TurnKind } from "../../src/db/turn-shares.ts";
import { createTurns, type Turns } from "../../src/db/turns.ts";

const kinds: TurnKind[] = ["withdrawal", "change", "public", "read", "background"];
const shares = sharesOf(10);

function turn(kind: TurnKind, subjects: string, caller = "someone", bytes = 0): Turn {
  return { kind, subjects: subjects.split(" "), caller, limited: true, bytes: () => bytes };
}

/** Enters turns, and collects those that began and those that were refused. */
function follow(turns: Turns) {
  const begun: { turn: Turn; end: () => void }[] = [];
  const refused: { turn: Turn; error: unknown }[] = [];
  const enter = (one: Turn, signal?: AbortSignal) =>
    turns.enter(one, signal).then(
      (end) => begun.push({ turn: one, end }),
      (error: unknown) => refused.push({ turn: one, error }),
    );
  return { begun, refused, enter };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const names = (begun: { turn: Turn }[]) =>
  begun.map(({ turn: { subjects, caller } }) => `${subjects} ${caller}`);

test("callers take turns within an account, and accounts within the pool", async () => {
  const turns = createTurns({ shares });
  const { begun, enter } = follow(turns);
  for (let n = 0; n < 5; n++) void enter(turn("change", "a", "one"));
  for (let n = 0; n < 2; n++) void enter(turn("change", "a", "two"));
  void enter(turn("change", "b", "three"));
  await settled();
  // A credential gets three connections, an account gets four, and another account does not wait.
  expect(names(begun)).toEqual(["a one", "a one", "a one", "a two", "b three"]);
  begun[0]?.end();
  begun[3]?.end();
  await settled();
  expect(names(begun.slice(5))).toEqual(["a one", "a two"]);
});

test("a turn with several accounts waits for all of them, and holds none while it waits", async () => {
  const turns = createTurns({ shares });
  const { begun, enter } = follow(turns);
  for (let n = 0; n < 4; n++) void enter(turn("change", "busy", `c${n}`));
  void enter(turn("change", "user busy", "both"));
  void enter(turn("change", "user", "other"));
  await settled();
  expect(names(begun.slice(4))).toEqual(["user other"]);
  begun[0]?.end();
  begun[4]?.end();
  await settled();
  expect(names(begun.slice(5))).toEqual(["user,busy both"]);
});

test("withdrawals begin first, and on connections that are reserved for them", async () => {
  const turns = createTurns({ shares });
  const { begun, enter } = follow(turns);
  for (const kind of ["change", "public", "read", "background"] as const)
    for (let n = 0; n < 20; n++) void enter(turn(kind, `s${n}`, `c${n}`));
  await settled();
  expect(begun).toHaveLength(8);
  void enter(turn("withdrawal", "s0"));
  await settled();
  expect(begun).toHaveLength(9);
});

test("the turns that wait are bounded in bytes, and those of the caller with the most bytes are refused", async () => {
  const turns = createTurns({ shares, waiting: { perSubject: 50_000, inTotal: 80_000 } });
  const { begun, refused, enter } = follow(turns);
  for (let n = 0; n < 3; n++) void enter(turn("read", "a", "running"));
  // Each turn counts 8,192 bytes in addition.
  void enter(turn("read", "a", "small"));
  for (let n = 0; n < 5; n++) void enter(turn("read", "a", "large", 10_000));
  await settled();
  expect(refused.map(({ turn: { caller } }) => caller)).toEqual(["large", "large", "large"]);
  expect(turns.waiting()).toBe(3);
  // Another account has its own bound. If the total bound is exceeded, the account with the most bytes loses turns.
  for (let n = 0; n < 3; n++) void enter(turn("read", "b", "running"));
  for (let n = 0; n < 6; n++) void enter(turn("read", "b", "small"));
  await settled();
  expect(begun.filter(({ turn: one }) => one.subjects[0] === "b")).toHaveLength(2);
  expect(turns.waiting() * 8_192).toBeLessThanOrEqual(80_000);
});

test("a turn that waits too long, or whose caller gives up, is refused and no longer waits", async () => {
  vi.useFakeTimers();
  try {
    const turns = createTurns({ shares, timeoutMs: 100 });
    const { refused, enter } = follow(turns);
    for (let n = 0; n < 4; n++) void enter(turn("read", "a"));
    const gone = new AbortController();
    void enter(turn("read", "a"), gone.signal);
    gone.abort(new Error("gone"));
    await vi.advanceTimersByTimeAsync(100);
    expect(refused.map(({ error }) => (error as Error).message)).toEqual([
      "gone",
      "too much other work waits for a connection",
    ]);
    expect(turns.waiting()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("if the database is unreachable, every turn that waits is refused", async () => {
  const turns = createTurns({ shares });
  const { refused, enter } = follow(turns);
  for (let n = 0; n < 10; n++) void enter(turn("read", "a"));
  await settled();
  turns.refuseAll(new Error("away"));
  await settled();
  expect(refused).toHaveLength(7);
  expect(turns.waiting()).toBe(0);
});

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    subjects: fc.subarray(["a", "b", "c", "d"], { minLength: 1 }),
    caller: fc.constantFrom("p", "q", "r"),
    limited: fc.boolean(),
    ends: fc.nat(3),
  }),
  { minLength: 1, maxLength: 60 },
);

test("for any sequence of turns, the pool and each share are never exceeded, and every turn begins", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 12 }), async (list, poolSize) => {
      const bounds = sharesOf(poolSize);
      const turns = createTurns({ shares: bounds });
      const { begun, refused, enter } = follow(turns);
      const ended = new Set<object>();
      const running = () => begun.filter((one) => !ended.has(one));
      const endOne = () => {
        const [first] = running();
        if (first) ended.add(first);
        first?.end();
      };
      for (const { ends, ...one } of list) {
        void enter(one);
        await Promise.resolve();
        for (let n = 0; n < ends; n++) endOne();
        await settled();
        for (const share of bounds) {
          const { most, perSubject } = share;
          const inShare = running().filter(({ turn: { kind } }) => share.kinds.includes(kind));
          expect(inShare.length).toBeLessThanOrEqual(most);
          for (const subject of "abcd") {
            const own = inShare.filter(({ turn: { subjects } }) => subjects.includes(subject));
            expect(own.length).toBeLessThanOrEqual(perSubject);
          }
        }
      }
      while (running().length > 0) {
        endOne();
        await settled();
      }
      expect([begun.length, refused.length, turns.waiting()]).toEqual([list.length, 0, 0]);
    }),
    { numRuns: 60 },
  );
});

test("callers that wait for a busy account add no cost to the calls of another account", async () => {
  const turns = createTurns({ shares });
  const { begun, enter } = follow(turns);
  let reads = 0;
  const counting = (one: Turn): Turn => ({
    ...one,
    get subjects() {
      reads += 1;
      return one.subjects;
    },
  });
  for (let n = 0; n < 400; n++) void enter(counting(turn("read", "busy", `c${n}`)));
  await settled();
  expect(begun).toHaveLength(3);
  reads = 0;
  for (let n = 0; n < 100; n++) {
    const end = await turns.enter(turn("read", "other"));
    end();
  }
  expect(reads).toBe(0);
});
