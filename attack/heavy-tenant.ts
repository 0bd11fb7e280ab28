import pg from "pg";
import { readConfig } from "../src/config/config.ts";
import { newId } from "../src/domain/kernel/id.ts";
import type { Heavy } from "./heavy.ts";
import { call } from "./http.ts";
import type { Stage } from "./stage.ts";
import { createKey, idOf, openTenant } from "./tenant.ts";

/** The size of a heavy principal. */
export interface Weight {
  roles: number;
  permissionsPerRole: number;
  /** The length of the permission list of the keys of every second principal. The other keys have `*`. */
  permissionsPerKey: number;
  /** The number of workspaces granted to each key. */
  workspaces: number;
  /** How the roles are created. The API refuses data above the bounds, so such roles come from SQL. */
  roleSource: "api" | "sql";
}

/** Returns the size of the largest principal that the default bounds allow. */
export function largestAllowed(): Weight {
  const { permissionsPerPrincipal, permissionsPerRole, permissionsPerKey, workspacesPerProfile } = readConfig(
    {},
  ).bounds;
  const roles = Math.ceil(permissionsPerPrincipal / permissionsPerRole);
  return {
    roles,
    permissionsPerRole: Math.floor(permissionsPerPrincipal / roles),
    permissionsPerKey,
    workspaces: workspacesPerProfile,
    roleSource: "api",
  };
}

const principals = 6;
const resourceLength = 63;

/** Signs up a tenant with six service accounts of that weight, each in a separate team. Mints their keys. */
export async function openHeavyTenant(
  stage: Pick<Stage, "port" | "databaseUrl">,
  name: string,
  weight: Weight,
  unseenKeys: number,
): Promise<Heavy> {
  const port = stage.port();
  const { accountId, session, verifier } = await openTenant(port, name);
  const client = new pg.Client({ connectionString: stage.databaseUrl });
  await client.connect();
  try {
    const tokens: string[][] = [];
    for (let n = 0; n < principals; n++) {
      const metadata = { name: `heavy ${n}` };
      const roles = weight.roleSource === "api" ? await createRoles(port, session, n, weight) : [];
      const { team } = await call(port, "TeamService/CreateTeam", { metadata, spec: { roles } }, session);
      const spec = { teamId: idOf(team) };
      const made = await call(
        port,
        "ServiceAccountService/CreateServiceAccount",
        { metadata, spec },
        session,
      );
      if (weight.roleSource === "sql")
        await client.query(insertRoles, [accountId, spec.teamId, JSON.stringify(roleRows(n, weight))]);
      const permissions = n % 2 === 0 ? ["*"] : permissionsOf(n, 0, weight.permissionsPerKey);
      const minted: string[] = [];
      for (let key = 0; key <= unseenKeys / principals; key++) {
        const key = {
          kind: "API_KEY_KIND_SERVICE",
          serviceAccountId: idOf(made.serviceAccount),
          workspaceScope: "WORKSPACE_SCOPE_SELECTED",
          permissions,
        };
        minted.push(await createKey(port, session, key));
      }
      tokens.push(minted);
    }
    await client.query(insertWorkspaces, [accountId, weight.workspaces]);
    await client.query(insertGrants, [accountId]);
    // Autovacuum would do this soon.
    await client.query("analyze workspace, workspace_grant, role, team_role, api_key");
    return {
      verifier,
      hot: tokens.flatMap(([first]) => first ?? []),
      unseen: tokens.flatMap(([, ...others]) => others),
    };
  } finally {
    await client.end();
  }
}

async function createRoles(
  port: number,
  session: string,
  principal: number,
  weight: Weight,
): Promise<string[]> {
  const ids: string[] = [];
  for (const { name, permissions } of roleRows(principal, weight)) {
    const request = { metadata: { name }, spec: { permissions } };
    const { role } = await call(port, "RoleService/CreateRole", request, session);
    ids.push(idOf(role));
  }
  return ids;
}

function roleRows(principal: number, { roles, permissionsPerRole }: Weight) {
  return Array.from({ length: roles }, (_, n) => ({
    id: newId("role"),
    name: `heavy ${principal} ${n}`,
    permissions: permissionsOf(principal, n * permissionsPerRole, permissionsPerRole),
  }));
}

/** Returns permissions that do not imply each other. Their resources have the longest allowed names. */
function permissionsOf(principal: number, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const resource = `r${principal}_${from + n}_`;
    return `${resource.padEnd(resourceLength, "x")}:write`;
  });
}

const insertRoles = `
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

// An id needs 26 characters of Crockford's base32. Hexadecimal digits are among them.
const insertWorkspaces = `
insert into workspace (id, account_id, name, created_by)
select 'ws_' || lpad(to_hex(n), 10, '0') || substr(md5($1 || n), 1, 16), $1, 'Workspace ' || n, profile.id
from generate_series(1, $2::int) n, profile
where profile.account_id = $1 and profile.type = 'system'`;

const insertGrants = `
insert into workspace_grant (account_id, workspace_id, profile_id, created_by)
select $1, workspace.id, api_key.profile_id, api_key.profile_id
from workspace
join api_key on api_key.account_id = workspace.account_id and api_key.kind = 'service' and not api_key.system
where workspace.account_id = $1
on conflict do nothing`;
