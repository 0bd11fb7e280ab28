import { beforeAll } from "vitest";
import { type Clients, issueKey, newWorkspace, type Owner, type SharedApp } from "../app.ts";
import { useSharedApp } from "../shared-app.ts";
import { type Member, newMember, newRole, newServiceAccount, newTeam } from "./actors.ts";

/** An account with two workspaces. Read it only inside tests. */
export interface TwoWorkspaces {
  app: SharedApp;
  owner: Owner;
  a: string;
  b: string;
  /** Returns a new name. */
  name(): string;
  /** Issues an application key in workspace A with these permissions. */
  keyInA(...permissions: string[]): Promise<Clients>;
  /** Creates a member with these permissions who may enter these workspaces. */
  member(permissions: string[], workspaceIds: string[]): Promise<Member>;
  /** Creates a service account in a team with these permissions. */
  newRobot(...permissions: string[]): Promise<{ teamId: string; robot: { id: string; profileId: string } }>;
}

/** Creates an account with two workspaces for a test file. */
export function useTwoWorkspaces(): TwoWorkspaces {
  const app = useSharedApp();
  const at = { app } as TwoWorkspaces;
  let names = 0;
  at.name = () => `n${++names}`;
  beforeAll(async () => {
    at.owner = await app.newAccount();
    at.a = await newWorkspace(at.owner, "a");
    at.b = await newWorkspace(at.owner, "b");
  });
  at.keyInA = async (...permissions) => {
    const made = await issueKey(at.owner, { spec: { permissions }, initialWorkspaceIds: [at.a] });
    return app.clientAs(made.token);
  };
  at.member = async (permissions, workspaceIds) =>
    newMember(app, at.owner, await newRole(at.owner, at.name(), ...permissions), workspaceIds);
  at.newRobot = async (...permissions) => {
    const teamId = await newTeam(at.owner, at.name(), await newRole(at.owner, at.name(), ...permissions));
    return { teamId, robot: await newServiceAccount(at.owner, at.name(), teamId) };
  };
  return at;
}

/** The error for a missing permission. */
export const denied = (permission: string) => ({ reason: "PERMISSION_DENIED", metadata: { permission } });

/** The error for a workspace that the caller may not enter. `*` stands for all workspaces. */
export const forbidden = (workspace_id: string) => ({
  reason: "WORKSPACE_FORBIDDEN",
  metadata: { workspace_id },
});
