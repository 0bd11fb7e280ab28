import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a key is issued, used, verified, rotated and revoked", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, {
    spec: { permissions: ["agents:read", "api_keys:write"] },
    initialWorkspaceIds: [workspaceId],
  });
  const platform = app.clientAs(app.platformToken);

  const whoAmI = await app.clientAs(key.token).profiles.whoAmI({});
  expect(whoAmI.principal?.keyId).toBe(key.id);
  const request = { token: key.token, workspaceId, requiredPermissions: ["agents:read"] };
  expect(await platform.tokens.verifyToken(request)).toMatchObject({ valid: true, verdict: Verdict.VALID });

  const { apiKey: rotated } = await owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } });
  const next = rotated?.spec?.token ?? "";
  expect(rotated?.info?.tokens).toHaveLength(2);
  for (const token of [key.token, next]) {
    expect(await platform.tokens.verifyToken({ token })).toMatchObject({ valid: true });
  }

  await owner.apiKeys.revokeApiKey({ id: key.id });
  for (const token of [key.token, next]) {
    expect(await platform.tokens.verifyToken({ token })).toMatchObject({ verdict: Verdict.REVOKED });
    expect(await refusal(app.clientAs(token).profiles.whoAmI({}))).toMatchObject({
      code: "Unauthenticated",
      reason: "REVOKED_API_KEY",
    });
  }
});
