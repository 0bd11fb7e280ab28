import fc from "fast-check";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { newMember, newRole, newServiceAccount, newTeam, permissionsOf } from "../support/actors/actors.ts";
import { outcome, refusal } from "../support/errors.ts";
import { long } from "../support/long.ts";
import { useSharedApp } from "../support/shared-app.ts";

const limit = 8;
const app = useSharedApp({ LATCHKEY_MAX_PERMISSIONS_PER_PRINCIPAL: String(limit) });

const things = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}_${n}:start`);
const exceeds = (holder: string) => ({
  code: "FailedPrecondition",
  reason: "BOUND_EXCEEDED",
  metadata: { bound: "permissions_per_principal", limit: String(limit), held_by: holder },
});

/** Creates a member with a role of three permissions, in a team with two roles of two permissions each. */
async function place() {
  const owner = await app.newAccount();
  const [a, b, c] = [
    await newRole(owner, "a", ...things("a", 3)),
    await newRole(owner, "b", ...things("b", 2)),
    await newRole(owner, "c", ...things("c", 2)),
  ];
  const team = await newTeam(owner, "team", b, c);
  const member = await newMember(app, owner, a);
  await owner.teams.addTeamMember({ id: team, profileId: member.profileId });
  const grow = (id: string, name: string, count: number) =>
    owner.roles.updateRole({ id, spec: { permissions: things(name, count) } });
  return { owner, a, b, c, team, member, grow };
}

describe("a person cannot exceed the bound on permissions", () => {
  test("by their own role, or by a role of their team", async () => {
    const { a, b, member, grow } = await place();
    expect(await outcome(grow(a, "a", 4))).toBe("ok");
    expect(await refusal(grow(a, "a", 5))).toMatchObject(exceeds(member.profileId));
    expect(await refusal(grow(b, "b", 3))).toMatchObject(exceeds(member.profileId));
    expect(await permissionsOf(member)).toHaveLength(limit);
  });

  test("by another role of their own, or by the replacement of a deleted role", async () => {
    const { owner, a, b, member } = await place();
    const long = await newRole(owner, "long", ...things("long", 5));
    const set = owner.profiles.setProfileRole({ id: member.profileId, role: long });
    expect(await refusal(set)).toMatchObject(exceeds(member.profileId));
    for (const id of [a, b]) {
      const replace = owner.roles.deleteRole({ id, replacement: long });
      expect(await refusal(replace)).toMatchObject(exceeds(member.profileId));
    }
    expect(await outcome(owner.roles.deleteRole({ id: a, replacement: b }))).toBe("ok");
    // A role counts once, even if the person has it twice.
    expect(await permissionsOf(member)).toHaveLength(4);
  });

  test("by another team, or by another role of their team", async () => {
    const { owner, b, c, team, member } = await place();
    const long = await newRole(owner, "long", ...things("long", 3));
    const other = await newTeam(owner, "other", long);
    const add = owner.teams.addTeamMember({ id: other, profileId: member.profileId });
    expect(await refusal(add)).toMatchObject(exceeds(member.profileId));
    const update = (...roles: string[]) => owner.teams.updateTeam({ id: team, spec: { roles } });
    expect(await refusal(update(b, c, long))).toMatchObject(exceeds(member.profileId));
    expect(await outcome(update(b, long))).toBe("ok");
  });

  test("by a team alone, with or without members", async () => {
    const { owner, a, b, c } = await place();
    const long = await newRole(owner, "long", ...things("long", 5));
    expect((await refusal(newTeam(owner, "new", a, b, long))).metadata.held_by).toMatch(/^team_/);
    const empty = await newTeam(owner, "empty", a, long);
    const update = owner.teams.updateTeam({ id: empty, spec: { roles: [a, b, c, long] } });
    expect(await refusal(update)).toMatchObject(exceeds(empty));
  });

  test("by accepting an invite", async () => {
    const { owner } = await place();
    const long = await newRole(owner, "long", ...things("long", 2));
    const invited = newMember(app, owner, long);
    expect(await outcome(invited)).toBe("ok");
    await sql`update role set permissions = ${things("long", limit + 1)} where id = ${long}`.execute(app.db);
    expect(await outcome(newMember(app, owner, long))).toBe("BOUND_EXCEEDED");
  });

  test("by moving into a team above the bound", async () => {
    const { owner, a, team } = await place();
    const robot = await newServiceAccount(owner, "robot", team);
    const [large, larger] = [await newTeam(owner, "large", a), await newTeam(owner, "larger", a)];
    await sql`update role set permissions = ${things("a", limit + 1)} where id = ${a}`.execute(app.db);
    expect(await refusal(newServiceAccount(owner, "another", large))).toMatchObject(exceeds(large));
    const move = (teamId: string) =>
      owner.serviceAccounts.updateServiceAccount({ id: robot.id, spec: { teamId } });
    expect(await refusal(move(large))).toMatchObject(exceeds(large));
    const replace = owner.teams.deleteTeam({ id: team, replacement: large });
    expect(await refusal(replace)).toMatchObject(exceeds(large));
    await sql`update service_account set team_id = ${large} where id = ${robot.id}`.execute(app.db);
    expect(await outcome(move(larger))).toBe("ok");
    expect(await outcome(move(team))).toBe("ok");
  });
});

test("every change of a person above the bound reduces their permissions", async () => {
  const { owner, a, b, c, team, member, grow } = await place();
  await sql`update role set permissions = ${things("a", 20)} where id = ${a}`.execute(app.db);
  expect(await refusal(grow(b, "b", 3))).toMatchObject(exceeds(member.profileId));
  expect(await refusal(grow(a, "a", 21))).toMatchObject(exceeds(member.profileId));
  expect(await outcome(grow(a, "a", 19))).toBe("ok");
  expect(await outcome(grow(b, "b", 1))).toBe("ok");
  expect(await outcome(owner.teams.updateTeam({ id: team, spec: { roles: [c] } }))).toBe("ok");
  const shorter = await newRole(owner, "shorter", ...things("shorter", 10));
  expect(await outcome(owner.profiles.setProfileRole({ id: member.profileId, role: shorter }))).toBe("ok");
  expect(await permissionsOf(member)).toHaveLength(12);
});

test("one of two concurrent changes that exceed the bound together fails", async () => {
  for (let round = 0; round < (long ? 2 : 1); round++) {
    const { owner, a, b, team, member, grow } = await place();
    const long = await newRole(owner, "long", ...things("long", 1));
    const other = await newTeam(owner, "other", long);
    const ends = await Promise.all(
      [
        grow(a, "a", 4),
        grow(b, "b", 3),
        owner.teams.addTeamMember({ id: other, profileId: member.profileId }),
        owner.teams.updateTeam({ id: team, spec: { roles: ["b", "c", "long"] } }),
      ].map(outcome),
    );
    expect(ends).toContain("ok");
    expect(ends).toContain("BOUND_EXCEEDED");
    expect((await permissionsOf(member)).length).toBeLessThanOrEqual(limit);
  }
});

test("the number of statements of a change does not depend on the number of holders", async () => {
  const { owner, a, b, grow } = await place();
  const before = await app.statementsOf(() => grow(b, "b", 3));
  for (let n = 0; n < 3; n++) {
    const { profileId } = await newMember(app, owner, a);
    await owner.teams.addTeamMember({ id: await newTeam(owner, `team ${n}`, b), profileId });
  }
  await grow(b, "b", 1);
  const after = await app.statementsOf(() => grow(b, "b", 2));
  expect(after).toHaveLength(before.length);
  expect(after.filter((statement) => statement.includes("cardinality(permissions)"))).toHaveLength(2);
});

type Step =
  | { kind: "grow"; role: number; size: number }
  | { kind: "team"; team: number; roles: number[] }
  | { kind: "add" | "remove"; team: number; person: number }
  | { kind: "own"; person: number; role: number };

const [roles, teams, people] = [4, 3, 3];
const index = (count: number) => fc.nat(count - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("grow" as const), role: index(roles), size: fc.nat(limit) }),
  fc.record({
    kind: fc.constant("team" as const),
    team: index(teams),
    roles: fc.uniqueArray(index(roles), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constantFrom("add" as const, "remove" as const),
    team: index(teams),
    person: index(people),
  }),
  fc.record({ kind: fc.constant("own" as const), person: index(people), role: index(roles) }),
);

/** The definition of the bound, evaluated holder by holder. */
interface Model {
  sizes: number[];
  teams: number[][];
  members: number[][];
  own: number[];
}

function sizesOf({ sizes, teams, members, own }: Model): number[] {
  const sum = (held: number[]) => [...new Set(held)].reduce((total, role) => total + (sizes[role] ?? 0), 0);
  const ofTeams = (person: number) => teams.filter((_, team) => members[team]?.includes(person)).flat();
  return [...teams.map(sum), ...own.map((role, person) => sum([role, ...ofTeams(person)]))];
}

function after(model: Model, step: Step): Model {
  const next = structuredClone(model);
  if (step.kind === "grow") next.sizes[step.role] = step.size;
  else if (step.kind === "team") next.teams[step.team] = step.roles;
  else if (step.kind === "own") next.own[step.person] = step.role;
  else {
    const others = (model.members[step.team] ?? []).filter((person) => person !== step.person);
    next.members[step.team] = step.kind === "add" ? [...others, step.person] : others;
  }
  return next;
}

const steps = long ? 150 : 50;

test("a change is refused exactly if a team or person would exceed the bound and have more than before", async () => {
  const owner = await app.newAccount();
  const roleIds: string[] = [];
  for (let n = 0; n < roles; n++) roleIds.push(await newRole(owner, `role ${n}`, ...things(`r${n}`, n)));
  const teamIds: string[] = [];
  for (let n = 0; n < teams; n++) teamIds.push(await newTeam(owner, `team ${n}`));
  const personIds: string[] = [];
  for (let n = 0; n < people; n++) personIds.push((await newMember(app, owner, roleIds[0] ?? "")).profileId);
  const send = (step: Step): Promise<unknown> => {
    if (step.kind === "grow") {
      const permissions = things(`r${step.role}`, step.size);
      const updateMask = { paths: ["spec.permissions"] };
      return owner.roles.updateRole({ id: roleIds[step.role] ?? "", spec: { permissions }, updateMask });
    }
    if (step.kind === "own") {
      const role = roleIds[step.role] ?? "";
      return owner.profiles.setProfileRole({ id: personIds[step.person] ?? "", role });
    }
    const id = teamIds[step.team] ?? "";
    if (step.kind === "team") {
      const roles = step.roles.map((role) => roleIds[role] ?? "");
      return owner.teams.updateTeam({ id, spec: { roles }, updateMask: { paths: ["spec.roles"] } });
    }
    const request = { id, profileId: personIds[step.person] ?? "" };
    return step.kind === "add" ? owner.teams.addTeamMember(request) : owner.teams.removeTeamMember(request);
  };
  let model: Model = {
    sizes: Array.from({ length: roles }, (_, n) => n),
    teams: Array.from({ length: teams }, () => []),
    members: Array.from({ length: teams }, () => []),
    own: Array(people).fill(0),
  };
  const refused: number[] = [];
  // Now and then, the test makes a role too long by SQL.
  for (const [n, one] of fc.sample(step, { numRuns: steps, seed: 8 }).entries()) {
    if (n % 25 === 24) {
      await sql`update role set permissions = ${things("r0", 12)} where id = ${roleIds[0]}`.execute(app.db);
      model = after(model, { kind: "grow", role: 0, size: 12 });
    }
    const next = after(model, one);
    const before = sizesOf(model);
    const tooMuch = sizesOf(next).some((size, holder) => size > limit && size > (before[holder] ?? 0));
    expect(await outcome(send(one)), JSON.stringify(one)).toBe(tooMuch ? "BOUND_EXCEEDED" : "ok");
    if (tooMuch) refused.push(n);
    else model = next;
  }
  expect(refused.length).toBeGreaterThan(steps / 15);
});
