import { monitorEventLoopDelay } from "node:perf_hooks";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { Verdict } from "../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, useApp } from "./support/app.ts";
import { newRobot, newServiceKey, permissionsOf } from "./support/organisation.ts";

const app = useApp();
const roles = 16;
const permissionsEach = 256;

/** An account whose service key holds more than any bound allows: inserted by SQL, as of an earlier version. */
async function heavyTenant() {
  const { owner, teamId, robot } = await newRobot(app, "agents:read");
  const key = await newServiceKey(app, owner, robot.id);
  const accountId = owner.account.metadata?.id ?? "";
  await sql`
    with made as (
      insert into role (id, account_id, name, name_key, permissions, created_by)
      select 'role_' || translate(gen_random_uuid()::text, '-', ''), ${accountId}, 'r' || r, 'r' || r, array(
        select 'thing_' || r || '_' || p || ':start' from generate_series(1, ${permissionsEach}::int) p
      ), ${owner.profile.metadata?.id}
      from generate_series(1, ${roles}::int) r
      returning id
    )
    insert into team_role (account_id, team_id, role_id) select ${accountId}, ${teamId}, id from made`.execute(
    app.db,
  );
  return { ...key, robot: owner };
}

test("a tenant with far more permissions than the bounds allow keeps no other tenant waiting", async () => {
  const heavy = await heavyTenant();
  const victim = await issueKey(await app.newAccount(), { spec: { permissions: ["agents:read"] } });
  const platform = app.clientAs(app.platformToken);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const ask = (token: string) =>
    platform.tokens.verifyToken({ token, requiredPermissions: ["agents:read"], fresh: true });
  await ask(victim.token);
  delay.enable();
  let asking = true;
  const heavily = Promise.all([1, 2, 3].map(() => ask(heavy.token))).finally(() => {
    asking = false;
  });
  let answered = 0;
  while (asking) {
    expect((await ask(victim.token)).verdict).toBe(Verdict.VALID);
    answered += 1;
  }
  delay.disable();
  for (const { verdict } of await heavily) expect(verdict).toBe(Verdict.VALID);
  expect(answered).toBeGreaterThan(0);
  // Each evaluation took seconds in which nothing else happened.
  expect(delay.max / 1e6).toBeLessThan(500);
  expect(await permissionsOf(heavy)).toHaveLength(roles * permissionsEach + 1);
});
