import { sql } from "kysely";
import { expect, test } from "vitest";
import { newMember, newRole, newServiceAccount, newTeam, principalOf } from "../support/actors/actors.ts";
import { useTwoWorkspaces } from "../support/actors/two-workspaces.ts";
import type { Clients } from "../support/app.ts";
import { untilWaiting } from "../support/database/waiting.ts";
import { outcome } from "../support/errors.ts";

const at = useTwoWorkspaces();

/** Makes changes concurrently. No change commits before the others have come as far as they can. Returns their outcomes. */
async function atOnce(changes: (() => Promise<unknown>)[]): Promise<string[]> {
  const { ended } = await at.app.db.transaction().execute(async (tx) => {
    // The lock stops each change at its audit event, which is its last statement but one.
    await sql`lock table audit_event in share mode`.execute(tx);
    const ended = Promise.all(changes.map((change) => outcome(change())));
    await untilWaiting(at.app.pool, changes.length);
    return { ended };
  });
  return ended;
}

/** Creates a person whom two callers try to give more than either caller holds. Each caller holds something else. */
async function newPerson(roleId: string) {
  const person = await newMember(at.app, at.owner, roleId, [at.a]);
  const starts = await at.member(
    ["roles:manage", "teams:manage", "profiles:manage", "agents:read", "runs:start"],
    [at.a],
  );
  const enters = await at.member(["workspaces:write", "agents:read"], [at.a, at.b]);
  return { person, starts, enters };
}

const inB = (enters: Clients, profileId: string) => () =>
  enters.workspaceAdmin.addWorkspaceMember({ workspaceId: at.b, profileId });

test.each(["role", "team", "own role"])(
  "a person to whom two callers concurrently give a permission by the %s and a workspace gets only one of them",
  async (by) => {
    const role = await newRole(at.owner, at.name(), "agents:read");
    const runner = await newRole(at.owner, at.name(), "agents:read", "runs:start");
    const { person, starts, enters } = await newPerson(role);
    const team = await newTeam(at.owner, at.name());
    await at.owner.teams.addTeamMember({ id: team, profileId: person.profileId });
    const widen = {
      role: () => starts.roles.updateRole({ id: role, spec: { permissions: ["agents:read", "runs:start"] } }),
      team: () => starts.teams.updateTeam({ id: team, spec: { roles: [runner] } }),
      "own role": () => starts.profiles.setProfileRole({ id: person.profileId, role: runner }),
    }[by];
    const ended = await atOnce([widen ?? expect.fail(), inB(enters, person.profileId)]);
    expect(ended.toSorted()).toEqual([expect.stringMatching(/PERMISSION_DENIED|WORKSPACE_FORBIDDEN/), "ok"]);
    const { permissions, workspaceIds } = await principalOf(person);
    expect(permissions.includes("runs:start") && workspaceIds.includes(at.b)).toBe(false);
  },
);

test("if a service account moves to a team whose role is widened concurrently, one of the two changes is refused", async () => {
  const [weak, strong] = [
    await newRole(at.owner, at.name(), "agents:read"),
    await newRole(at.owner, at.name()),
  ];
  const [from, to] = [await newTeam(at.owner, at.name(), weak), await newTeam(at.owner, at.name(), strong)];
  const robot = await newServiceAccount(at.owner, at.name(), from);
  const mover = await newMember(
    at.app,
    at.owner,
    await newRole(at.owner, at.name(), "service_accounts:write", "agents:read"),
  );
  const writer = await newMember(
    at.app,
    at.owner,
    await newRole(at.owner, at.name(), "roles:manage", "agents:write"),
  );
  const ended = await atOnce([
    () => mover.serviceAccounts.updateServiceAccount({ id: robot.id, spec: { teamId: to } }),
    () => writer.roles.updateRole({ id: strong, spec: { permissions: ["agents:write"] } }),
  ]);
  expect(ended.toSorted()).toEqual([expect.stringMatching(/PERMISSION_DENIED|WORKSPACE_FORBIDDEN/), "ok"]);
});
