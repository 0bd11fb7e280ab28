import { describe, expect, test } from "vitest";
import { ApiKeyKind, Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { denied, naming, newActing, newPlatformServiceKey, useTenant } from "../support/actors/acting.ts";
import { newName, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const platform = () => app.clientAs(app.platformToken);
const tenant = useTenant(app);

describe("no escalation: a platform key that acts", () => {
  test("mints only keys of its environment, which end no later", async () => {
    const expiresAt = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3_600), nanos: 0 };
    const spec = {
      permissions: ["accounts:act", "api_keys:write"],
      environment: Environment.TEST,
      expiresAt,
    };
    const { token } = await issueKey(platform(), { spec });
    const acting = naming(app, token, tenant.accountId);
    const test = { environment: Environment.TEST, expiresAt };
    await issueKey(acting, { spec: test });
    expect(await refusal(issueKey(acting, { spec: { expiresAt } }))).toMatchObject({
      reason: "ENVIRONMENT_MISMATCH",
    });
    const endless = issueKey(acting, { spec: { environment: Environment.TEST } });
    expect(await refusal(endless)).toMatchObject({ reason: "PERMISSION_DENIED" });
  });

  test("mints nothing with a token that a rotation has superseded", async () => {
    const acting = await newActing(app, tenant.accountId, "api_keys:write");
    await platform().apiKeys.rotateApiKey({ id: acting.keyId, gracePeriod: { seconds: 3_600n, nanos: 0 } });
    await acting.profiles.whoAmI({});
    expect(await refusal(issueKey(acting))).toMatchObject({ reason: "PERMISSION_DENIED" });
  });

  test("of a service account passes on no more than its own list", async () => {
    const { token } = await newPlatformServiceKey(app, ["accounts:act", "api_keys:write", "agents:manage"], {
      permissions: ["accounts:act", "api_keys:write", "agents:read"],
    });
    const acting = naming(app, token, tenant.accountId);
    await issueKey(acting, { spec: { permissions: ["agents:read"] } });
    const wide = issueKey(acting, { spec: { permissions: ["agents:manage"] } });
    expect(await refusal(wide)).toMatchObject(denied("agents:manage"));
    // A service account of the tenant has less now, and may get more later. The list of the new key must not exceed the caller's.
    const robot = await newServiceAccount(tenant.owner, newName(), await newTeam(tenant.owner));
    const serviceAccountId = robot.id;
    const latent = issueKey(acting, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } });
    expect(await refusal(latent)).toMatchObject({ reason: "PERMISSION_DENIED" });
  });
});
