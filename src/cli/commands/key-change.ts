import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { LatchkeyClient } from "../../client/client.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import { futureTimeOf, labelsOf } from "../values.ts";

const keyIds = [{ name: "key_id", summary: "ids of the keys", many: true }] as const;
const keyAndWorkspace = [
  { name: "key_id", summary: "id of the key" },
  { name: "workspace_id", summary: "id of the workspace" },
] as const;

const update = command({
  path: ["key", "update"],
  summary: "change a key",
  description:
    "Changes what the options name, and nothing else. --label and --permission replace all labels and all permissions.",
  arguments: [{ name: "key_id", summary: "id of the key" }],
  options: {
    name: { value: "NAME", summary: "display name" },
    description: { value: "TEXT", mayBeEmpty: true, summary: "description" },
    label: { value: "NAME=VALUE", many: true, summary: "the labels" },
    permission: { value: "PERMISSION", many: true, summary: "the permissions" },
    expires: { value: "TIME", summary: "end of the key: a duration from now such as 90d, a time, or never" },
    "external-id": { value: "ID", mayBeEmpty: true, summary: "id of the key in your own system" },
    etag: { value: "ETAG", summary: "refuse the change if the key has changed since it had this etag" },
  },
  examples: [
    {
      text: "Rename a key and replace its labels.",
      command: "latchkey key update KEY_ID --name Export --label env=prod --label team=ai",
    },
    { text: "Let a key end in 90 days.", command: "latchkey key update KEY_ID --expires 90d" },
  ],
  rpcs: ["ApiKeyService.UpdateApiKey"],
  async run(context, input) {
    const { apiKeys } = await context.client();
    const { expires } = input;
    const end = expires === undefined || expires === "never" ? undefined : futureTimeOf("expires", expires);
    const paths = [
      ...(input.name === undefined ? [] : ["metadata.name"]),
      ...(input.label.length === 0 ? [] : ["metadata.labels"]),
      ...(input["external-id"] === undefined ? [] : ["metadata.external_id"]),
      ...(input.description === undefined ? [] : ["spec.description"]),
      ...(input.permission.length === 0 ? [] : ["spec.permissions"]),
      ...(expires === undefined ? [] : ["spec.expires_at"]),
    ];
    if (paths.length === 0)
      throw usageError("expected an option that names a change", "run `latchkey key update --help`");
    const { apiKey } = await apiKeys.updateApiKey({
      id: input.key_id,
      metadata: {
        name: input.name ?? "",
        labels: labelsOf(input.label),
        externalId: input["external-id"] ?? "",
      },
      spec: {
        description: input.description ?? "",
        permissions: [...input.permission],
        ...(end && { expiresAt: end }),
      },
      updateMask: { paths },
      etag: input.etag ?? "",
    });
    await show(context, apiKey);
  },
});

const disable = command({
  path: ["key", "disable"],
  summary: "disable keys until they are enabled",
  arguments: keyIds,
  examples: [{ text: "Disable two keys.", command: "latchkey key disable KEY_ID OTHER_KEY_ID" }],
  rpcs: ["ApiKeyService.DisableApiKey"],
  run: (context, { key_id: ids }) =>
    forEach(context, ids, ({ apiKeys }, id) => apiKeys.disableApiKey({ id })),
});

const enable = command({
  path: ["key", "enable"],
  summary: "enable disabled keys",
  arguments: keyIds,
  examples: [{ text: "Enable a key.", command: "latchkey key enable KEY_ID" }],
  rpcs: ["ApiKeyService.EnableApiKey"],
  run: (context, { key_id: ids }) => forEach(context, ids, ({ apiKeys }, id) => apiKeys.enableApiKey({ id })),
});

const grant = command({
  path: ["key", "grant"],
  summary: "let a key enter a workspace",
  arguments: keyAndWorkspace,
  examples: [{ text: "Grant a workspace to a key.", command: "latchkey key grant KEY_ID WORKSPACE_ID" }],
  rpcs: ["ApiKeyService.AddApiKeyWorkspace"],
  run: (context, { key_id: id, workspace_id: workspaceId }) =>
    forEach(context, [id], ({ apiKeys }) => apiKeys.addApiKeyWorkspace({ id, workspaceId })),
});

const ungrant = command({
  path: ["key", "ungrant"],
  summary: "let a key no longer enter a workspace",
  arguments: keyAndWorkspace,
  examples: [
    { text: "Remove the grant of a workspace.", command: "latchkey key ungrant KEY_ID WORKSPACE_ID" },
  ],
  rpcs: ["ApiKeyService.RemoveApiKeyWorkspace"],
  run: (context, { key_id: id, workspace_id: workspaceId }) =>
    forEach(context, [id], ({ apiKeys }) => apiKeys.removeApiKeyWorkspace({ id, workspaceId })),
});

/** The commands that change keys. */
export const keyChangeCommands = [update, disable, enable, grant, ungrant];

/** Changes one key after the other, and shows each one. A failure ends the row. */
export async function forEach(
  context: Context,
  ids: readonly string[],
  change: (client: LatchkeyClient, id: string) => Promise<{ apiKey?: ApiKey | undefined }>,
): Promise<void> {
  const client = await context.client();
  for (const [index, id] of ids.entries()) {
    try {
      await show(context, (await change(client, id)).apiKey);
    } catch (error) {
      if (ids.length > 1) context.out.note(`changed ${index} of ${ids.length} keys; ${id} failed`);
      throw error;
    }
  }
}

async function show({ out }: Context, key: ApiKey | undefined): Promise<void> {
  if (!key) return;
  const { keyItem } = await import("../key-view.ts");
  await out.item(keyItem(key));
}
