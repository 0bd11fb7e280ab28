import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { accountIdOf, newActing } from "../support/actors/acting.ts";
import { newName, newRobot, newServiceKey } from "../support/actors/actors.ts";
import { inSeconds } from "../support/actors/api-key.ts";
import { rateLimits } from "../support/actors/limited.ts";
import { type Clients, newWorkspace } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("the response of a creation has every field that a read of the key has, and its token", async () => {
  const { owner, teamId, robot } = await newRobot(app, "*");
  const service = { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
  const holder = await newServiceKey(app, owner, robot.id);
  const limited = await newServiceKey(app, owner, robot.id, { rateLimits });
  const acting = await newActing(app, accountIdOf(owner), "*");
  const labels = { team: "billing", a: "b", "example.com/region": "" };
  const named = () => ({ metadata: { name: newName() } });
  const full = {
    metadata: { name: newName(), labels, externalId: crypto.randomUUID() },
    spec: {
      description: "nightly",
      permissions: ["write", "agents:read"],
      expiresAt: inSeconds(3600),
      rateLimits,
    },
  };
  const creations: [Clients, MessageInitShape<typeof CreateApiKeyRequestSchema>][] = [
    [owner, named()],
    [owner, full],
    [owner, { ...named(), initialWorkspaceIds: [await newWorkspace(owner, "north")] }],
    [owner, { ...named(), spec: service }],
    [owner, { ...named(), spec: { kind: ApiKeyKind.SERVICE }, serviceAccount: { name: newName(), teamId } }],
    [owner, { ...named(), spec: { kind: ApiKeyKind.DEVELOPER } }],
    [holder, named()],
    [limited, named()],
    [acting, named()],
  ];
  for (const [n, [caller, request]] of creations.entries()) {
    const { apiKey } = await caller.apiKeys.createApiKey(request);
    const { apiKey: read } = await owner.apiKeys.getApiKey({ id: apiKey?.metadata?.id ?? "" });
    expect(apiKey?.spec?.token, `creation ${n}`).toMatch(/^lk_/);
    expect({ ...apiKey, spec: { ...apiKey?.spec, token: "" } }, `creation ${n}`).toEqual(read);
  }
});
