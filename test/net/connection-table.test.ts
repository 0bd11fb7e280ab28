import fc from "fast-check";
import { expect, test } from "vitest";
import { type Connection, createConnectionTable } from "../../src/net/connection-table.ts";

const limits = { maxConnections: 6, maxConnectionsPerAddress: 3, newConnectionGraceMs: 10 };

/** A connection in the model. */
interface ModelConnection {
  id: number;
  address: string;
  requests: number;
  /** When it became idle, or when it will become idle if it sends nothing. */
  idleFrom: number;
}

/** A simple model of the rules. It looks at every connection for each new one. */
function createModel() {
  let open: ModelConnection[] = [];
  const isExempt = (address: string) => address === "proxy";
  const of = (address: string) => open.filter((one) => one.address === address);
  const idle = (among: ModelConnection[], now: number) =>
    among.filter(({ requests, idleFrom }) => requests === 0 && idleFrom <= now);

  function victimOf(among: ModelConnection[], now: number): ModelConnection | undefined {
    const weight = ({ address }: ModelConnection) => (isExempt(address) ? 0 : of(address).length);
    return idle(among, now).sort(
      (a, b) => weight(b) - weight(a) || a.idleFrom - b.idleFrom || a.id - b.id,
    )[0];
  }

  return {
    admit(id: number, address: string, now: number): string {
      const isFull = !isExempt(address) && of(address).length >= limits.maxConnectionsPerAddress;
      const hasRoom = !isFull && open.length < limits.maxConnections;
      const victim = hasRoom ? undefined : victimOf(isFull ? of(address) : open, now);
      if (!hasRoom && !victim) return "refused";
      open = open.filter((one) => one !== victim);
      open.push({ id, address, requests: 0, idleFrom: now + limits.newConnectionGraceMs });
      return victim ? `replaced ${victim.id}` : "admitted";
    },
    begin: (one: ModelConnection) => {
      one.requests += 1;
    },
    end(one: ModelConnection, now: number) {
      one.requests -= 1;
      if (one.requests === 0) one.idleFrom = now;
    },
    close(one: ModelConnection) {
      open = open.filter((other) => other !== one);
    },
    open: () => open,
  };
}

type Step = { kind: "connect"; address: string } | { kind: "begin" | "end" | "close"; which: number };

const steps: fc.Arbitrary<[Step, number][]> = fc.array(
  fc.tuple(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant("connect" as const),
          address: fc.constantFrom("a", "a", "b", "c", "d", "proxy", "proxy"),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constantFrom("begin" as const, "begin" as const, "end" as const, "close" as const),
          which: fc.nat(20),
        }),
      },
    ),
    // Never 0, because two connections that are idle since the same moment may be evicted in either order.
    fc.integer({ min: 1, max: 6 }),
  ),
  { minLength: 10, maxLength: 80 },
);

test("the table evicts and refuses the same connections as a simple model of its rules", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const [table, model] = [createConnectionTable(limits), createModel()];
      const connections = new Map<number, Connection>();
      // Half milliseconds keep the end of a grace period apart from the end of a request.
      let now = 0;
      for (const [id, [step, pause]] of sequence.entries()) {
        now += pause;
        if (step.kind === "connect") {
          const { connection, evicted } = table.admit(step.address, step.address === "proxy", now + 0.5);
          const evictedId = [...connections].find(([, one]) => one === evicted)?.[0];
          const outcome = connection ? (evicted ? `replaced ${evictedId}` : "admitted") : "refused";
          expect(outcome).toBe(model.admit(id, step.address, now + 0.5));
          if (connection) connections.set(id, connection);
        } else {
          const { which, kind } = step;
          const modelled = model.open()[which % Math.max(1, model.open().length)];
          const connection = modelled && connections.get(modelled.id);
          if (!modelled || !connection || (kind === "end" && modelled.requests === 0)) continue;
          if (kind === "begin") table.begin(connection);
          else if (kind === "end") table.end(connection, now);
          else table.remove(connection);
          if (kind === "close") model.close(modelled);
          else model[kind](modelled, now);
        }
        expect(table.size()).toBe(model.open().length);
      }
    }),
    { numRuns: 500 },
  );
});

test("an address at its maximum never costs another address a connection", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 40 }), fc.boolean(), (attempts, busy) => {
      const table = createConnectionTable(limits);
      const { connection: other } = table.admit("victim", false, 0);
      for (let at = 0; at < attempts; at++) {
        const { connection, evicted } = table.admit("attacker", false, at * 100);
        expect(evicted).not.toBe(other);
        if (busy && connection) table.begin(connection);
      }
      expect(other?.state).not.toBe("gone");
      expect(table.size()).toBe(1 + limits.maxConnectionsPerAddress);
    }),
  );
});

test("an evicted connection whose request ends or which closes later changes nothing", () => {
  const table = createConnectionTable({ ...limits, maxConnectionsPerAddress: 1 });
  const { connection: first } = table.admit("a", false, 0);
  const { connection: second, evicted } = table.admit("a", false, 100);
  expect(evicted).toBe(first);
  if (!first || !second) throw new Error("the table must admit both connections");
  table.begin(first);
  table.end(first, 200);
  table.remove(first);
  expect(table.size()).toBe(1);
  expect(table.admit("a", false, 300).evicted).toBe(second);
});

test("the cost of a connection does not grow with the number of connections", () => {
  const small = timeOf(1_000);
  const large = timeOf(64_000);
  // With quadratic total cost, each connection would cost 64 times as much.
  expect(large / 64_000).toBeLessThan((small / 1_000) * 16);
});

// Fills a table with connections of many addresses, then replaces each of them.
function timeOf(size: number): number {
  const table = createConnectionTable({
    maxConnections: size,
    maxConnectionsPerAddress: 100,
    newConnectionGraceMs: 1,
  });
  const start = performance.now();
  for (let n = 0; n < 2 * size; n++) {
    const { connection } = table.admit(`address ${n % Math.ceil(size / 50)}`, false, n);
    if (!connection) throw new Error("the table must admit every connection");
    table.begin(connection);
    table.end(connection, n + 0.5);
  }
  return performance.now() - start;
}
