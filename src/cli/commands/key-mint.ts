import { randomUUID } from "node:crypto";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import type { Input, Option } from "../definition.ts";
import { failureOf, isLatchkeyError, usageError } from "../failure.ts";
import { rateLimitsOf } from "../rate-limit-text.ts";
import { tokenOut, withToken } from "../secret-output.ts";
import { durationOf, enumOf, futureTimeOf, labelsOf } from "../values.ts";

const kinds = ["application", "service", "developer"];

/** The options of `key create`. */
const creation = {
  name: { value: "NAME", required: true, summary: "display name" },
  permission: { value: "PERMISSION", many: true, summary: "permission such as runs:start" },
  workspace: { value: "WORKSPACE_ID", many: true, summary: "workspace that the key may enter" },
  "all-workspaces": { summary: "the key may enter all workspaces of the account" },
  kind: { value: "KIND", choices: kinds, summary: "what the key is for; application is the default" },
  environment: {
    value: "ENVIRONMENT",
    choices: ["live", "test"],
    summary: "environment of an application key; live is the default",
  },
  "service-account": { value: "ID", summary: "owner of a service key" },
  team: { value: "TEAM_ID", summary: "create the owner of a service key in this team" },
  "service-account-name": {
    value: "NAME",
    summary: "name of that owner; the default is the name of the key",
  },
  expires: { value: "TIME", summary: "end of the key: a duration such as 90d, or a time" },
  "rate-limit": { value: "NAME=NUMBER/PERIOD", many: true, summary: "limit such as calls=100/1m" },
  label: { value: "NAME=VALUE", many: true, summary: "label" },
  description: { value: "TEXT", summary: "description" },
  "external-id": { value: "ID", summary: "id of the key in your own system" },
  out: tokenOut,
} as const satisfies Record<string, Option>;

const create = command({
  path: ["key", "create"],
  summary: "create a key and show its token once",
  description:
    "Creates a key. An application key enters the workspaces that --workspace names. Service and developer keys enter all workspaces of their owner, and hold all permissions of it unless --permission names some.",
  options: creation,
  examples: [
    {
      text: "Create a key for one workspace.",
      command: "latchkey key create --name Import --permission runs:start --workspace WORKSPACE_ID",
    },
    {
      text: "Create a test key that expires, and keep its token in a file.",
      command: "latchkey key create --name Trial --environment test --expires 30d --out trial-token",
    },
    {
      text: "Create a service key together with its owner.",
      command: "latchkey key create --name CI --kind service --team TEAM_ID --rate-limit calls=100/1m",
    },
  ],
  rpcs: ["ApiKeyService.CreateApiKey"],
  async run(context, input) {
    const { apiKeys } = await context.client();
    const request = await creationOf(input);
    await showMinted(context, input.out, async () => {
      try {
        return (await apiKeys.createApiKey(request)).apiKey;
      } catch (error) {
        throw lostToken(error) ?? error;
      }
    });
  },
});

type Creation = Input<readonly [], typeof creation>;

async function creationOf(input: Creation) {
  const { ApiKeyKind, Environment, WorkspaceScope } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
  if (input["all-workspaces"] && input.workspace.length > 0) {
    throw usageError("--all-workspaces and --workspace exclude each other");
  }
  if (input["service-account-name"] !== undefined && input.team === undefined) {
    throw usageError("--service-account-name belongs to --team");
  }
  const expiresAt = input.expires === undefined ? undefined : futureTimeOf("expires", input.expires);
  const owner = input.team && { name: input["service-account-name"] ?? input.name, teamId: input.team };
  return {
    metadata: { name: input.name, labels: labelsOf(input.label), externalId: input["external-id"] ?? "" },
    spec: {
      kind: enumOf(ApiKeyKind, input.kind),
      environment: enumOf(Environment, input.environment),
      permissions: [...input.permission],
      description: input.description ?? "",
      serviceAccountId: input["service-account"] ?? "",
      rateLimits: rateLimitsOf(input["rate-limit"]),
      ...(expiresAt && { expiresAt }),
      ...scopeOf(input, WorkspaceScope),
    },
    initialWorkspaceIds: [...input.workspace],
    // A repeat after a lost answer creates no second key.
    requestId: randomUUID(),
    ...(owner && { serviceAccount: owner }),
  };
}

function scopeOf<T>(input: Pick<Creation, "all-workspaces" | "workspace">, scopes: { ALL: T; SELECTED: T }) {
  if (input["all-workspaces"]) return { workspaceScope: scopes.ALL };
  return input.workspace.length > 0 ? { workspaceScope: scopes.SELECTED } : {};
}

// The first attempt created the key, and its answer was lost.
function lostToken(error: unknown): Error | undefined {
  if (!isLatchkeyError(error) || error.reason !== "ALREADY_EXISTS" || error.metadata.field !== undefined)
    return undefined;
  const { id } = error.metadata;
  return failureOf(
    `${id} was created, but the connection broke before its token arrived; run \`latchkey key rotate ${id}\``,
  );
}

const rotate = command({
  path: ["key", "rotate"],
  summary: "mint a new token for a key and show it once",
  description:
    "Mints a new token. The earlier tokens stay valid for the grace period, so that their holders can change to the new one. For a token that leaked, use --grace 0.",
  arguments: [{ name: "key_id", summary: "id of the key" }],
  options: {
    grace: {
      value: "DURATION",
      summary: "time for which earlier tokens stay valid, up to 7d; 24h is the default",
    },
    out: tokenOut,
  },
  examples: [
    { text: "Rotate a key. Earlier tokens end in 24 hours.", command: "latchkey key rotate KEY_ID" },
    { text: "Replace a token that leaked.", command: "latchkey key rotate KEY_ID --grace 0 --out new-token" },
  ],
  rpcs: ["ApiKeyService.RotateApiKey"],
  async run(context, { key_id: id, grace = "24h", out }) {
    const { apiKeys } = await context.client();
    const gracePeriod = { seconds: BigInt(Math.ceil(durationOf("grace", grace) / 1000)) };
    await showMinted(context, out, async () => (await apiKeys.rotateApiKey({ id, gracePeriod })).apiKey);
  },
});

/** The commands that mint tokens. */
export const keyMintCommands = [create, rotate];

async function showMinted(
  context: Context,
  file: string | undefined,
  mint: () => Promise<ApiKey | undefined>,
): Promise<void> {
  const { keyItem } = await import("../key-view.ts");
  await withToken(context, file, async (take) => {
    const made = await mint();
    if (!made?.spec?.token) throw failureOf("the server sent no token");
    made.spec.token = take(made.spec.token);
    await context.out.item(keyItem(made));
    if (file === undefined) context.out.note("Save the token now: it is not shown again.");
  });
}
