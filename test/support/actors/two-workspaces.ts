import { beforeAll } from "vitest";
import { type Clients, issueKey, newWorkspace, type Owner, useApp } from "../app.ts";
import { type Member, newMember, newRole, newServiceAccount, newTeam } from "./actors.ts";

/** An account with two workspaces. Read it only inside tests. */
export interface TwoWorkspaces {
  app: ReturnType<typeof useApp>;
  owner: Owner;
  a: string;
  b: string;
  /** A name that nothing has yet. */
  name(): string;
  /** An application key in workspace A with these permissions. */
  keyInA(...permissions: string[]): Promise<Clients>;
  /** A member with these permissions who enters these workspaces. */
  member(permissions: string[], workspaceIds: string[]): Promise<Member>;
  /** A service account in a team with these permissions. */
  newRobot(...permissions: string[]): Promise<{ teamId: string; robot: { id: string; profileId: string } }>;
}

/** Makes an account with two workspaces for a test file. */
export function useTwoWorkspaces(): TwoWorkspaces {
  const app = useApp();
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

/** The refusal for a permission that is missing. */
export const denied = (permission: string) => ({ reason: "PERMISSION_DENIED", metadata: { permission } });

/** The refusal for a workspace that the caller does not enter; `*` for all of them. */
export const forbidden = (workspace_id: string) => ({
  reason: "WORKSPACE_FORBIDDEN",
  metadata: { workspace_id },
});
