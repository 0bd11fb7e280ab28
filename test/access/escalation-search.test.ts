import { expect, test } from "vitest";
import { type Holder, type PrincipalChange, refuseEscalation } from "../../src/domain/access/escalation.ts";
import type { JointReach, Reach } from "../../src/domain/access/reach.ts";
import { searchEscalationPure } from "../support/escalation-search/pure.ts";
import { searchEscalation } from "../support/escalation-search/server.ts";
import { long } from "../support/long.ts";
import { useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role", max_role: "developer" });
const steps = long ? 16_000 : 4_000;
// The second organisation begins with a platform key.
const stepsPerOrganisation = long ? 60 : 20;
const serverSteps = 2 * stepsPerOrganisation;

test("a weak principal and everything that it creates never reach more than it did", () => {
  const { violations, allowed, refused, ...summary } = searchEscalationPure({ steps, seed: 1 });
  expect(violations).toEqual([]);
  expect(summary.steps).toBe(steps);
  // The search needs enough allowed and refused steps.
  expect(allowed).toBeGreaterThan(steps / 20);
  expect(refused).toBeGreaterThan(steps / 5);
});

// An earlier comparison of the service: only additions count, and permissions and workspaces count separately.
function compareAdded(caller: Holder, changes: readonly PrincipalChange[]): void {
  const added = changes.map(({ before, after }) => {
    const had = before ? permissionsOf(before) : [];
    const permissions = permissionsOf(after).filter((one) => !had.includes(one));
    const { environment, end, limitedBy } = after;
    const workspaces = addedWorkspaces(before, after);
    return { after: { permissions, workspaces, environment, end, limitedBy } };
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

test("the search finds escalation paths if only additions are compared", () => {
  const { violations } = searchEscalationPure({ steps, seed: 1, refuse: compareAdded });
  expect(violations.join("\n")).toMatch(/gained|exceeds/);
});

test("the search finds escalation paths if the claims of external issuers do not count", () => {
  const refuse = (caller: Holder, changes: readonly PrincipalChange[]) =>
    refuseEscalation(
      caller,
      changes.map(({ most: _, ...change }) => change),
    );
  const { violations } = searchEscalationPure({ steps, seed: 1, refuse });
  expect(violations.join("\n")).toMatch(/claiming .* gained/);
});

test("the search finds escalation paths if the limits of the caller do not count", () => {
  const refuse = ({ limitedBy: _, ...caller }: Holder, changes: readonly PrincipalChange[]) =>
    refuseEscalation(caller, changes);
  const { violations } = searchEscalationPure({ steps, seed: 1, refuse });
  expect(violations.join("\n")).toMatch(/gained|exceeds/);
});

test("no sequence of calls to the service results in a token with more rights", async () => {
  const newExternalUser = (claims: object) => external.issuer.token({ ...claims });
  const { app } = external;
  const found = await searchEscalation({
    steps: serverSteps,
    stepsPerOrganisation,
    seed: 3,
    app,
    newExternalUser,
  });
  const { violations, allowed, refused } = found;
  expect(violations).toEqual([]);
  expect(allowed).toBeGreaterThan(serverSteps / 20);
  expect(refused).toBeGreaterThan(serverSteps / 5);
});
