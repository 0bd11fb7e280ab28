import { issueKey, newWorkspace, password, type TestApp } from "../app.ts";

/** An account with something on every page. */
export interface Scene {
  accountId: string;
  /** The token of its owner. */
  token: string;
  /** The paths of a workspace and a team, by the paths of their pages. */
  paths: Record<string, string>;
}

/** Makes an account with something on every page, for pictures. */
export async function makeScene(app: TestApp): Promise<Scene> {
  const person = { email: "ada@acme.example", password, name: "Ada Lovelace", accountName: "Acme Robotics" };
  const { token, account } = await app.clientAs("").sessions.signUp(person);
  const owner = app.clientAs(token);
  const [production, staging] = [
    await newWorkspace(owner, "Production"),
    await newWorkspace(owner, "Staging"),
  ];
  const billing = await issueKey(owner, {
    metadata: { name: "Billing webhook", labels: { env: "prod", team: "billing" } },
    spec: { permissions: ["invoices:read", "webhooks:manage"], description: "Used by the billing service" },
    initialWorkspaceIds: [production],
  });
  const ci = await issueKey(owner, {
    metadata: { name: "CI pipeline", labels: { env: "staging" } },
    spec: { permissions: ["*:read"] },
    initialWorkspaceIds: [staging],
  });
  await owner.apiKeys.disableApiKey({ id: ci.id });
  const grace = await addPeople(app, token);
  const teamId = await addMachines(app, token);
  await owner.teams.addTeamMember({ id: teamId, profileId: grace });
  const verifier = app.clientAs(app.platformToken).tokens;
  for (let n = 0; n < 40; n += 1)
    await verifier.verifyToken({ token: n % 5 === 0 ? ci.token : billing.token });
  await app.app.flush();
  const paths = { "/workspaces/:id": `/workspaces/${production}`, "/teams/:id": `/teams/${teamId}` };
  return { accountId: account?.metadata?.id ?? "", token, paths };
}

/** Returns the profile of a member. */
async function addPeople(app: TestApp, token: string): Promise<string> {
  const { invites } = app.clientAs(token);
  const { invite } = await invites.createInvite({ email: "grace@acme.example", role: "developer" });
  const accepted = {
    id: invite?.metadata?.id ?? "",
    token: invite?.spec?.token ?? "",
    name: "Grace Hopper",
    password,
  };
  const { profile } = await app.clientAs("").invites.acceptInvite(accepted);
  await invites.createInvite({ email: "edsger@acme.example", role: "viewer" });
  return profile?.metadata?.id ?? "";
}

/** Returns the id of the team. */
async function addMachines(app: TestApp, token: string): Promise<string> {
  const owner = app.clientAs(token);
  const permissions = ["tickets:read", "tickets:write"];
  const { role } = await owner.roles.createRole({ metadata: { name: "Support" }, spec: { permissions } });
  const roles = [role?.metadata?.id ?? ""];
  const { team } = await owner.teams.createTeam({ metadata: { name: "Platform" }, spec: { roles } });
  const teamId = team?.metadata?.id ?? "";
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
    metadata: { name: "Deployer" },
    spec: { teamId },
  });
  await issueKey(owner, {
    metadata: { name: "Deploy from CI" },
    spec: { kind: 2, serviceAccountId: serviceAccount?.metadata?.id ?? "" },
  });
  return teamId;
}
