import { expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import { issueKey, password } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("people, teams, service keys and developer keys follow changes of the organisation", async () => {
  const owner = await app.newAccount();
  const { invite } = await owner.invites.createInvite({ email: "dev@example.com", role: "developer" });
  const joined = await app
    .clientAs("")
    .invites.acceptInvite({ id: invite?.metadata?.id, token: invite?.spec?.token, name: "Dev", password });
  const dev = app.clientAs(joined.token);
  const key = await issueKey(dev, { spec: { kind: ApiKeyKind.DEVELOPER } });
  expect((await app.clientAs(key.token).profiles.whoAmI({})).principal?.permissions).toEqual([
    "*:write",
    "api_keys:write",
  ]);

  const { role } = await owner.roles.createRole({
    metadata: { name: "runner" },
    spec: { permissions: ["runs:start"] },
  });
  const { team } = await owner.teams.createTeam({ metadata: { name: "ci" }, spec: { roles: ["runner"] } });
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
    metadata: { name: "robot" },
    spec: { teamId: team?.metadata?.id },
  });
  const service = await issueKey(owner, {
    spec: { kind: ApiKeyKind.SERVICE, serviceAccountId: serviceAccount?.metadata?.id },
  });
  const robot = app.clientAs(service.token);
  expect((await robot.profiles.whoAmI({})).principal?.permissions).toEqual(["runs:start"]);
  await owner.roles.updateRole({ id: role?.metadata?.id, spec: { permissions: ["runs:stop"] } });
  expect((await robot.profiles.whoAmI({})).principal?.permissions).toEqual(["runs:stop"]);

  await owner.profiles.removeProfile({ id: joined.profile?.metadata?.id });
  expect(await refusal(app.clientAs(key.token).profiles.whoAmI({}))).toMatchObject({
    reason: "REVOKED_API_KEY",
  });
});
