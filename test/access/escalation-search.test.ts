import { expect, test } from "vitest";
import { type Holder, type PrincipalChange, refuseEscalation } from "../../src/domain/access/escalation.ts";
import type { JointReach, Reach } from "../../src/domain/access/reach.ts";
import { searchEscalationPure } from "../support/escalation-search/pure.ts";
import { searchEscalation } from "../support/escalation-search/server.ts";
import { useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role", max_role: "developer" });
const steps = 20_000;
const serverSteps = 150;

test("whatever a weak principal and all that it creates do, they never reach more than it did", () => {
  const { violations, allowed, refused, ...summary } = searchEscalationPure({ steps, seed: 1 });
  expect(violations).toEqual([]);
  expect(summary.steps).toBe(steps);
  // Enough of both, or nothing was searched.
  expect(allowed).toBeGreaterThan(steps / 20);
  expect(refused).toBeGreaterThan(steps / 5);
});

// What the service compared before: only what is added, permissions and workspaces apart.
function compareAdded(caller: Holder, changes: readonly PrincipalChange[]): void {
  const added = changes.map(({ before, after }) => {
    const had = before ? permissionsOf(before) : [];
    const permissions = permissionsOf(after).filter((one) => !had.includes(one));
    const { environment, end } = after;
    return { after: { permissions, workspaces: addedWorkspaces(before, after), environment, end } };
  });
  refuseEscalation(caller, added);
}

function permissionsOf(reach: Reach | JointReach): readonly string[] {
  return "lists" in reach ? reach.lists.flat() : reach.permissions;
}

function addedWorkspaces(
  before: Pick<Reach, "workspaces"> | undefined,
  { workspaces }: Pick<Reach, "workspaces">,
): Reach["workspaces"] {
  if (before?.workspaces === "all") return [];
  return workspaces === "all" ? "all" : workspaces.filter((one) => !before?.workspaces.includes(one));
}

test("the search finds the ways up if only what is added is compared", () => {
  const { violations } = searchEscalationPure({ steps, seed: 1, refuse: compareAdded });
  expect(violations.join("\n")).toMatch(/gained|exceeds/);
});

test("the search finds the ways up if what external issuers may claim does not count", () => {
  const refuse = (caller: Holder, changes: readonly PrincipalChange[]) =>
    refuseEscalation(
      caller,
      changes.map(({ most: _, ...change }) => change),
    );
  const { violations } = searchEscalationPure({ steps, seed: 1, refuse });
  expect(violations.join("\n")).toMatch(/claiming .* gained/);
});

test("whatever they do through the service, no token is ever good for more", async () => {
  const newOutsider = (claims: object) => external.issuer.token({ ...claims });
  const { app } = external;
  const found = await searchEscalation({ steps: serverSteps, seed: 3, app, newOutsider });
  const { violations, allowed, refused } = found;
  expect(violations).toEqual([]);
  expect(allowed).toBeGreaterThan(serverSteps / 20);
  expect(refused).toBeGreaterThan(serverSteps / 5);
});
