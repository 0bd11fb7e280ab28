import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { type Clients, issueKey, newWorkspace, type Owner, type TestApp } from "../app.ts";
import { accountIdOf, naming, newPlatformServiceKey } from "./acting.ts";
import {
  type Member,
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "./actors.ts";

/**
 * An account with a caller who may manage all of Latchkey's own resources, but may only read agents, in one of two
 * workspaces. The caller acts by a session, a developer key, a service key or an application key. A platform key
 * with the same permissions acts for the account, in all workspaces.
 */
export interface Company {
  owner: Owner;
  lesser: Member;
  bearers: Record<Bearer, Clients>;
  mine: string;
  other: string;
  /** Ids of roles: `weak` may read agents, `strong` may write them. */
  roles: { weak: string; strong: string };
  teams: { weak: string; strong: string };
  robots: { weak: string; strong: string };
  keys: {
    strong: string;
    narrow: string;
    ending: string;
    application: string;
    selected: string;
    disabled: string;
  };
  viewer: string;
  colleague: string;
}

/** The credential with which the caller in the company acts. */
export type Bearer = "session" | "developer key" | "service key" | "application key" | "platform key";

const managing = ["api_keys", "invites", "profiles", "roles", "service_accounts", "teams", "workspaces"];

/** Creates the company. */
export async function newCompany(app: TestApp): Promise<Company> {
  const owner = await app.newAccount();
  const [mine, other] = [await newWorkspace(owner, "mine"), await newWorkspace(owner, "other")];
  const permissions = [...managing.map((one) => `${one}:manage`), "agents:read", "tokens:verify"];
  const manager = await newRole(owner, "manager", ...permissions);
  const roles = {
    weak: await newRole(owner, "weak", "agents:read"),
    strong: await newRole(owner, "strong", "agents:write"),
  };
  const teams = {
    weak: await newTeam(owner, "weak", roles.weak),
    strong: await newTeam(owner, "strong", roles.strong),
  };
  const robots = {
    weak: (await newServiceAccount(owner, "weak", teams.weak)).id,
    strong: (await newServiceAccount(owner, "strong", teams.strong)).id,
  };
  const selected = { workspaceScope: WorkspaceScope.SELECTED };
  const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) };
  const keyOf = async (key: Promise<{ id: string }>) => (await key).id;
  const keys = {
    strong: await keyOf(newServiceKey(app, owner, robots.strong, selected)),
    narrow: await keyOf(
      newServiceKey(app, owner, robots.strong, { ...selected, permissions: ["runs:start"] }),
    ),
    ending: await keyOf(newServiceKey(app, owner, robots.strong, { ...selected, expiresAt })),
    application: await keyOf(issueKey(owner)),
    selected: await keyOf(newServiceKey(app, owner, robots.weak, selected)),
    disabled: await keyOf(issueKey(owner, { spec: { permissions: ["agents:write"] } })),
  };
  await owner.apiKeys.disableApiKey({ id: keys.disabled });
  const lesser = await newMember(app, owner, manager, [mine]);
  const office = await newServiceAccount(owner, "office", await newTeam(owner, "office", manager));
  const acting = await newPlatformServiceKey(app, ["accounts:act", ...permissions]);
  const application = await issueKey(owner, { spec: { permissions }, initialWorkspaceIds: [mine] });
  return {
    owner,
    lesser,
    bearers: {
      session: lesser,
      "developer key": await newDeveloperKey(app, lesser),
      "service key": await newServiceKey(app, owner, office.id, selected, [mine]),
      "application key": app.clientAs(application.token),
      "platform key": naming(app, acting.token, accountIdOf(owner)),
    },
    mine,
    other,
    roles,
    teams,
    robots,
    keys,
    viewer: (await newMember(app, owner, "viewer")).profileId,
    colleague: (await newMember(app, owner, "weak")).profileId,
  };
}

/** Returns how often each method was refused so far, by its name. */
export async function refusals(app: TestApp): Promise<Record<string, number>> {
  await app.app.flush();
  const events = await app.db
    .selectFrom("audit_event")
    .select(["method", "count"])
    .where("outcome", "=", "refused")
    .execute();
  const counts: Record<string, number> = {};
  for (const { method, count } of events) {
    const name = method.slice(method.indexOf("/") + 1);
    counts[name] = (counts[name] ?? 0) + count;
  }
  return counts;
}
