import pg from "pg";
import { newId } from "../src/domain/id.ts";
import type { Heavy } from "./heavy.ts";
import { call } from "./http.ts";
import { createKey, idOf, openTenant } from "./tenant.ts";

/** How much a heavy principal holds. */
export interface Weight {
  /** Roles of the team. */
  roles: number;
  permissionsPerRole: number;
  /** Permissions in the key's own list. */
  permissionsPerKey: number;
}

const principals = 6;
const resourceLength = 63;

/**
 * Signs up a tenant with six service accounts, each in a team that holds that much, and mints their keys. Roles go in by
 * SQL, since data from before the bounds may exceed them.
 */
export async function openHeavyTenant(
  port: number,
  databaseUrl: string,
  name: string,
  weight: Weight,
  unseenKeys: number,
): Promise<Heavy> {
  const { accountId, session, verifier } = await openTenant(port, name);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const tokens: string[][] = [];
    for (let n = 0; n < principals; n++) {
      const metadata = { name: `heavy ${n}` };
      const { team } = await call(port, "TeamService/CreateTeam", { metadata }, session);
      const spec = { teamId: idOf(team) };
      const made = await call(
        port,
        "ServiceAccountService/CreateServiceAccount",
        { metadata, spec },
        session,
      );
      const serviceAccountId = idOf(made.serviceAccount);
      const minted: string[] = [];
      for (let key = 0; key <= unseenKeys / principals; key++) {
        const kind = "API_KEY_KIND_SERVICE";
        minted.push(await createKey(port, session, { kind, serviceAccountId, permissions: ["*"] }));
      }
      await client.query(giveRoles, [accountId, spec.teamId, roleRows(n, weight)]);
      const own = permissionsOf(n, 0, weight.permissionsPerKey);
      await client.query(narrow, [accountId, serviceAccountId, own]);
      tokens.push(minted);
    }
    return {
      verifier,
      hot: tokens.flatMap(([first]) => first ?? []),
      unseen: tokens.flatMap(([, ...others]) => others),
    };
  } finally {
    await client.end();
  }
}

/** Permissions of which none implies another, with the longest names that a resource can have. */
export function permissionsOf(principal: number, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const resource = `r${principal}_${from + n}_`;
    return `${resource.padEnd(resourceLength, "x")}:write`;
  });
}

function roleRows(principal: number, { roles, permissionsPerRole }: Weight): string {
  const rows = Array.from({ length: roles }, (_, n) => ({
    id: newId("role"),
    name: `heavy ${principal} ${n}`,
    permissions: permissionsOf(principal, n * permissionsPerRole, permissionsPerRole),
  }));
  return JSON.stringify(rows);
}

const giveRoles = `
with given as (
  select * from jsonb_to_recordset($3::text::jsonb) as x(id text, name text, permissions text[])
), creator as (
  select id from profile where account_id = $1 and type = 'system'
), roles as (
  insert into role (id, account_id, name, name_key, permissions, created_by)
  select given.id, $1, given.name, given.name, given.permissions, creator.id from given, creator
  returning id
)
insert into team_role (account_id, team_id, role_id)
select $1, $2, id from roles`;

const narrow = `
update api_key set permissions = $3
where account_id = $1 and owner_profile_id = (select profile_id from service_account where id = $2)`;
