import { getOption } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { access } from "../../gen/latchkey/v1/access_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { holds, ownResources, permissionSet } from "../../src/domain/access/permission.ts";
import { newRobot, newRole, newServiceKey, principalOf } from "../support/actors/actors.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { methods, nameOf } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let owner: Owner;
beforeAll(async () => {
  owner = await app.newAccount();
});

async function verdict(token: string, ...requiredPermissions: string[]): Promise<Verdict> {
  const platform = app.clientAs(app.platformToken);
  return (await platform.tokens.verifyToken({ token, requiredPermissions })).verdict;
}

test("*:*, *:verb and platform.*:manage allow no RPC of Latchkey, and *:read allows only reads", () => {
  const wide = ["*:*", "platform.*:manage", ...["verify", "act", "run"].map((verb) => `*:${verb}`)];
  const rules = methods.map((method) => [nameOf(method), getOption(method, access)] as const);
  const named = rules.flatMap(([name, { rule }]) =>
    rule.case === "permission" || rule.case === "platformPermission" ? [[name, rule.value] as const] : [],
  );
  expect(named.length).toBeGreaterThan(40);
  // A long list is looked up in another way.
  const more = Array.from({ length: 20 }, (_, n) => `audit:verb${n}`);
  for (const [name, permission] of named) {
    expect(ownResources, name).toContain(permission.split(":")[0]);
    for (const list of [wide, permissionSet([...wide, ...more])])
      expect(holds(list, permission), name).toBe(false);
    expect(holds([...wide, "*:read"], permission), name).toBe(permission.endsWith(":read"));
  }
});

test("a key with *:* may do everything on the platform's resources, and nothing on Latchkey's", async () => {
  const { token } = await issueKey(owner, { spec: { permissions: ["*:*"] } });
  expect(await verdict(token, "agents:manage", "runs:start", "webhooks:*", "*:run", "*:*")).toBe(
    Verdict.VALID,
  );
  for (const permission of ["api_keys:read", "tokens:verify", "*:read", "*"]) {
    expect(await verdict(token, permission), permission).toBe(Verdict.PERMISSION_DENIED);
  }
  const denied = await refusal(app.clientAs(token).apiKeys.listApiKeys({}));
  expect(denied.metadata).toEqual({ permission: "api_keys:read" });
});

test("a key with *:run may run everything on the platform's resources, and nothing else", async () => {
  const { token } = await issueKey(owner, { spec: { permissions: ["*:run", "agents:run"] } });
  expect((await principalOf(app.clientAs(token))).permissions).toEqual(["*:run"]);
  expect(await verdict(token, "agents:run", "flows:run")).toBe(Verdict.VALID);
  for (const permission of ["agents:read", "agents:stop", "tokens:run", "*:*"]) {
    expect(await verdict(token, permission), permission).toBe(Verdict.PERMISSION_DENIED);
  }
});

test("a service key with *:read of a team with *:* reads the platform's resources, and none of Latchkey's", async () => {
  const { owner: by, robot } = await newRobot(app, "*:*");
  const key = await newServiceKey(app, by, robot.id, { permissions: ["*:read", "agents:run"] });
  expect((await principalOf(key)).permissions).toEqual(["agents:run", "platform.*:read"]);
  expect(await verdict(key.token, "flows:read", "agents:run")).toBe(Verdict.VALID);
  for (const permission of ["flows:write", "flows:run", "api_keys:read"]) {
    expect(await verdict(key.token, permission), permission).toBe(Verdict.PERMISSION_DENIED);
  }
});

describe("a caller with *:* and api_keys:write", () => {
  let caller: Clients;
  const mint = (permissions: string[]) => issueKey(caller, { spec: { permissions } });
  beforeAll(async () => {
    const role = await newRole(owner, "minter", "*:*", "api_keys:write");
    const team = await owner.teams.createTeam({ metadata: { name: "minters" }, spec: { roles: [role] } });
    const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
      metadata: { name: "minter" },
      spec: { teamId: team.team?.metadata?.id ?? "" },
    });
    caller = await newServiceKey(app, owner, serviceAccount?.metadata?.id ?? "");
  });

  test.each(["*:*", "*:run", "agents:*", "flows:manage", "platform.*:write"])(
    "may mint a key with %s",
    (one) => expect(mint([one])).resolves.toBeDefined(),
  );

  test.each(["*:read", "*:write", "*", "api_keys:manage", "tokens:verify"])(
    "may not mint a key with %s, and the error names it",
    async (one) => expect((await refusal(mint([one]))).metadata).toEqual({ permission: one }),
  );
});
