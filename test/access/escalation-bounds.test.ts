import { describe, expect, test } from "vitest";
import { Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { inSeconds } from "../support/actors/api-key.ts";
import { refusal } from "../support/errors.ts";
import {
  type Attempt,
  expectRefused,
  mint,
  rotateIt,
  setUp,
  update,
} from "../support/escalation/escalation.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { TEST, LIVE } = Environment;
const hour = 3600;
const ending = { spec: { expiresAt: inSeconds(hour) } };
const testing = { spec: { environment: TEST } };

const environments: Attempt[] = [
  { what: "mints a live key", call: ({ lesser }) => mint(lesser, { environment: LIVE }) },
  { what: "mints a key that is live by default", call: ({ lesser }) => mint(lesser, {}) },
  { what: "rotates a live key", call: rotateIt },
  {
    what: "adds a permission to a live key",
    call: (scene) => update(scene, { permissions: ["agents:read"] }),
  },
  {
    what: "prolongs a live key",
    target: ending,
    call: (scene) => update(scene, { expiresAt: inSeconds(2 * hour) }),
  },
  {
    what: "grants a workspace to a live key",
    call: ({ lesser, target: { id }, mine }) => lesser.apiKeys.addApiKeyWorkspace({ id, workspaceId: mine }),
  },
  {
    what: "makes a live key a member of a workspace",
    call: ({ lesser, target: { profileId }, mine }) =>
      lesser.workspaceAdmin.addWorkspaceMember({ workspaceId: mine, profileId }),
  },
];

const lifetimes: Attempt[] = [
  { what: "mints a key without an end", call: ({ lesser }) => mint(lesser, {}) },
  {
    what: "mints a key that ends later",
    call: ({ lesser }) => mint(lesser, { expiresAt: inSeconds(2 * hour) }),
  },
  { what: "rotates a key without an end", call: rotateIt },
  {
    what: "prolongs a key beyond its own end",
    target: ending,
    call: (scene) => update(scene, { expiresAt: inSeconds(2 * hour) }),
  },
  {
    what: "prolongs itself",
    call: ({ lesser }) =>
      lesser.apiKeys.updateApiKey({ id: lesser.id, spec: { expiresAt: inSeconds(2 * hour) } }),
  },
  {
    what: "takes the end from a key",
    target: ending,
    call: (scene) => update(scene, {}, ["spec.expires_at"]),
  },
  {
    what: "adds a permission to a key without an end",
    call: (scene) => update(scene, { permissions: ["agents:read"] }),
  },
  {
    what: "grants a workspace to a key without an end",
    call: ({ lesser, target: { id }, mine }) => lesser.apiKeys.addApiKeyWorkspace({ id, workspaceId: mine }),
  },
];

test.each(environments)("a key of the test environment is refused when it $what", (attempt) =>
  expectRefused(app, {
    lesser: testing,
    reason: "ENVIRONMENT_MISMATCH",
    metadata: () => ({ environment: "test" }),
    ...attempt,
  }),
);

test.each(lifetimes)("a key that ends is refused when it $what", (attempt) =>
  expectRefused(app, { lesser: ending, metadata: () => ({ permission: "api_keys:write" }), ...attempt }),
);

describe("a key", () => {
  test("may mint exactly what it holds", async () => {
    const expiresAt = inSeconds(hour);
    const { lesser, mine } = await setUp(app, { lesser: { spec: { environment: TEST, expiresAt } } });
    await mint(lesser, { permissions: ["agents:read", "api_keys:write"], environment: TEST, expiresAt }, [
      mine,
    ]);
  });

  test("may narrow a key that has more than it", async () => {
    const target = { spec: { permissions: ["*"], workspaceScope: WorkspaceScope.ALL } };
    const {
      lesser,
      target: { id },
    } = await setUp(app, { lesser: ending, target });
    const spec = {
      permissions: ["agents:manage"],
      workspaceScope: WorkspaceScope.SELECTED,
      expiresAt: inSeconds(60),
    };
    const { apiKey } = await lesser.apiKeys.updateApiKey({ id, spec });
    expect(apiKey?.spec).toMatchObject(spec);
    await lesser.apiKeys.updateApiKey({
      id,
      spec: { permissions: ["agents:read"], expiresAt: inSeconds(30) },
    });
  });
});

test("if several rules fail, the error is the first in the table of errors: environment, workspace, permission", async () => {
  const { lesser, other } = await setUp(app, { lesser: testing });
  const wrong = { permissions: ["*"], environment: LIVE };
  expect(await refusal(mint(lesser, wrong, [other]))).toMatchObject({ reason: "ENVIRONMENT_MISMATCH" });
  const call = mint(lesser, { ...wrong, environment: TEST }, [other]);
  expect(await refusal(call)).toMatchObject({ reason: "WORKSPACE_FORBIDDEN" });
});
