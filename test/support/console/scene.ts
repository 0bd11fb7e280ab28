import { issueKey, newWorkspace, type Owner, type TestApp } from "../app.ts";

/** Makes an account with something on every page, for pictures. Returns its owner. */
export async function makeScene(app: TestApp): Promise<Owner> {
  const owner = await app.newAccount("Acme Robotics");
  const [production, staging] = [
    await newWorkspace(owner, "Production"),
    await newWorkspace(owner, "Staging"),
  ];
  await issueKey(owner, {
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
  await owner.invites.createInvite({ email: "grace@example.com", role: "developer" });
  const { role } = await owner.roles.createRole({
    metadata: { name: "Support" },
    spec: { permissions: ["tickets:read"] },
  });
  const { team } = await owner.teams.createTeam({
    metadata: { name: "Platform" },
    spec: { roles: [role?.metadata?.id ?? ""] },
  });
  await owner.serviceAccounts.createServiceAccount({
    metadata: { name: "Deployer" },
    spec: { teamId: team?.metadata?.id ?? "" },
  });
  await app.app.flush();
  return owner;
}
