import { expect, test } from "vitest";
import { newMember, newRole, newTeam } from "../support/actors/actors.ts";
import type { Clients, Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const names = (count: number) => Array.from({ length: count }, (_, n) => `role ${n}`);
const lookUps = (statements: string[]) => statements.filter((one) => /from "role" /.test(one));

async function newAccount(): Promise<{ owner: Owner; manager: Clients; team: string }> {
  const owner = await app.newAccount();
  for (const name of names(32)) await newRole(owner, name, "agents:read");
  const role = await newRole(owner, "manager", "teams:manage", "agents:read");
  return { owner, manager: await newMember(app, owner, role), team: await newTeam(owner, "team") };
}

test("a team with too many roles is refused before any of them is looked up", async () => {
  const { owner, manager, team } = await newAccount();
  const roles = names(256);
  for (const by of [owner, manager]) {
    const calls = [
      () => by.teams.updateTeam({ id: team, spec: { roles } }),
      () => by.teams.createTeam({ metadata: { name: "another" }, spec: { roles } }),
    ];
    for (const call of calls) {
      let refused: unknown;
      const statements = await app.statementsOf(async () => {
        refused = await refusal(call());
      });
      expect(refused).toMatchObject({
        reason: "BOUND_EXCEEDED",
        metadata: { bound: "roles_per_team", limit: "32" },
      });
      expect(lookUps(statements)).toEqual([]);
    }
  }
});

test("the roles of a team are looked up with one statement, by their ids and names", async () => {
  const { owner, team } = await newAccount();
  const { items } = await owner.roles.listRoles({ prefix: "role_", limit: 200 });
  const [, second, ...rest] = names(32);
  const id = items.find((role) => role.metadata?.name === second)?.metadata?.id ?? "";
  const spec = { roles: ["ROLE 0", id, ...rest] };
  const statements = await app.statementsOf(() => owner.teams.updateTeam({ id: team, spec }));
  expect(lookUps(statements)).toHaveLength(1);
  expect((await owner.teams.getTeam({ id: team })).team?.spec?.roles).toHaveLength(32);
  const wrong = { id: team, spec: { roles: ["role 0", "nothing", "nobody"] } };
  expect(await refusal(owner.teams.updateTeam(wrong))).toMatchObject({ code: "InvalidArgument" });
});
