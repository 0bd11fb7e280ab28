import { expect, test } from "vitest";
import { type Holder, refuseEscalation, refuseEscalationOfMany } from "../../src/domain/access/escalation.ts";
import type { Reach } from "../../src/domain/access/reach.ts";
import type { Holding } from "../../src/domain/access/role-holder.ts";
import { holderChanges } from "../../src/domain/access/role-holder.ts";
import { beforeLocks, compareOnce, createComparisonQueue } from "../../src/domain/role/comparison.ts";
import { costRatio } from "../support/cost.ts";

const things = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => `thing_${n + from}:start`);

function callerWith(count: number): Holder {
  return {
    permissions: things(count),
    workspaceScope: "selected",
    workspaceIds: Array.from({ length: count }, (_, n) => `ws_${n}`),
    superseded: false,
  };
}

function reachOf({ permissions, workspaceIds }: Holder): Reach {
  return { permissions, workspaces: workspaceIds, environment: "every", end: null, limitedBy: null };
}

test("one comparison of long lists costs about as much as many of short ones", () => {
  const times = 32;
  const [few, many] = [callerWith(250), callerWith(250 * times)];
  // The new reach is not within the old one, so both comparisons read everything.
  const evaluate = (caller: Holder) => {
    const before = { ...reachOf(caller), permissions: caller.permissions.slice(0, -1) };
    refuseEscalation(caller, [{ before, after: reachOf(caller) }]);
  };
  const oneLong = () => evaluate(many);
  const manyShort = () => {
    for (let n = 0; n < times; n++) evaluate(few);
  };
  // A comparison of each pair would make it 32. Larger tables alone make it up to five.
  expect(costRatio(oneLong, manyShort, 12)).toBeLessThan(12);
});

test("the event loop turns while many holders of a role are compared, and the comparison ends within its limit", async () => {
  const caller = callerWith(1_000);
  const holders = Array.from({ length: 100 }, (_, n) => ({
    roleId: `role_${n}`,
    teamRoleIds: [],
    workspaces: ["ws_0"],
    claims: [],
  }));
  const holdingOf = (count: number): Holding => ({
    holders,
    grants: {
      roles: new Map(
        holders.map(({ roleId }) => [roleId, { permissions: things(count), allWorkspaces: false }]),
      ),
      teams: new Map(),
    },
  });
  let turns = 0;
  let working = true;
  const count = () => {
    turns += 1;
    if (working) setImmediate(count);
  };
  setImmediate(count);
  await refuseEscalationOfMany(caller, holderChanges(holdingOf(999), holdingOf(1_000)), 10_000);
  await expect(
    refuseEscalationOfMany(caller, holderChanges(holdingOf(999), holdingOf(1_001)), 10_000),
  ).rejects.toMatchObject({ reason: "PERMISSION_DENIED", metadata: { permission: "thing_1000:start" } });
  working = false;
  expect(turns).toBeGreaterThan(10);
  const late = refuseEscalationOfMany(caller, holderChanges(holdingOf(999), holdingOf(1_000)), 1);
  await expect(late).rejects.toMatchObject({
    reason: "BOUND_EXCEEDED",
    message: expect.stringContaining("make the change as a principal with all permissions in all workspaces"),
    metadata: { bound: "comparison_ms", limit: "1" },
  });
});

test("one of many concurrent comparisons runs at a time, and accounts take turns", async () => {
  const queue = createComparisonQueue();
  const caller = callerWith(1_000);
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const compare = (accountId: string) => {
    function* changes() {
      order.push(accountId);
      running += 1;
      most = Math.max(most, running);
      for (let n = 0; n < 5; n++) yield { before: reach(things(500)), after: reach(things(900)) };
      running -= 1;
    }
    return compareOnce({ ...caller, accountId }, [], changes, beforeLocks(queue));
  };
  await Promise.all([compare("a"), compare("a"), compare("a"), compare("b"), compare("b")]);
  expect(most).toBe(1);
  expect(order).toEqual(["a", "a", "b", "a", "b"]);
});

function reach(permissions: readonly string[]): Reach {
  return { permissions, workspaces: [], environment: "every", end: null, limitedBy: null };
}
