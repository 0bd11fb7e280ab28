import { command } from "../command.ts";
import { listOptions, readPages } from "../lists.ts";
import { enumOf, futureTimeOf, pastTimeOf } from "../values.ts";
import { keyChangeCommands } from "./key-change.ts";
import { keyMintCommands } from "./key-mint.ts";
import { keyRevokeCommands } from "./key-revoke.ts";

const list = command({
  path: ["key", "list"],
  summary: "list the keys of the account",
  description:
    "Lists the keys of the account, the newest first. A person without `api_keys:read` gets their own developer keys.",
  options: {
    ...listOptions,
    label: { value: "NAME=VALUE", many: true, summary: "only keys with this label" },
    query: { value: "TEXT", summary: "only keys whose name contains this text" },
    prefix: { value: "TEXT", summary: "only keys whose id begins with this text" },
    "external-id": { value: "ID", summary: "only the key with this external id" },
    kind: {
      value: "KIND",
      choices: ["application", "service", "developer"],
      summary: "only keys of this kind",
    },
    environment: {
      value: "ENVIRONMENT",
      choices: ["live", "test"],
      summary: "only keys of this environment",
    },
    state: {
      value: "STATE",
      choices: ["active", "disabled", "expired", "revoked"],
      summary: "only keys in this state",
    },
    "expires-before": { value: "TIME", summary: "only keys that expire before this time, or within 30d" },
    "unused-since": {
      value: "TIME",
      summary: "only older keys of which no token was accepted since this time, or for 90d",
    },
    revoked: { summary: "revoked keys too" },
  },
  examples: [
    { text: "List the newest keys.", command: "latchkey key list" },
    {
      text: "List all keys with a label, for a program.",
      command: "latchkey key list --label env=staging --all --json",
    },
    {
      text: "List live keys that expire soon.",
      command: "latchkey key list --environment live --expires-before 30d",
    },
    {
      text: "Write the ids of keys that were not used this year.",
      command: "latchkey key list --unused-since 2026-01-01 --quiet",
    },
  ],
  rpcs: ["ApiKeyService.ListApiKeys"],
  async run(context, input) {
    const { apiKeys } = await context.client();
    const [{ ApiKeyKind, ApiKeyState, Environment }, { keyColumns }] = await Promise.all([
      import("../../../gen/latchkey/v1/api_key_pb.ts"),
      import("../key-view.ts"),
    ]);
    const { "expires-before": before, "unused-since": since } = input;
    const filter = {
      labels: input.label.join(","),
      query: input.query ?? "",
      prefix: input.prefix ?? "",
      externalId: input["external-id"] ?? "",
      kind: enumOf(ApiKeyKind, input.kind),
      environment: enumOf(Environment, input.environment),
      state: enumOf(ApiKeyState, input.state),
      ...(before !== undefined && { expiresBefore: futureTimeOf("expires-before", before) }),
      ...(since !== undefined && { unusedSince: pastTimeOf("unused-since", since) }),
      sortOrder: input.sort ?? "",
      showRevoked: input.revoked,
      includeInfo: true,
    };
    const message = await readPages(context.out, input, (page) =>
      apiKeys.listApiKeys({ ...filter, ...page }),
    );
    const { items } = message;
    const id = ({ metadata }: (typeof items)[number]) => metadata?.id ?? "";
    await context.out.list({ message, items, id, empty: "no keys", columns: keyColumns });
  },
});

const get = command({
  path: ["key", "get"],
  summary: "show a key and its live tokens",
  arguments: [{ name: "key_id", summary: "id of the key" }],
  examples: [
    { text: "Show a key.", command: "latchkey key get KEY_ID" },
    { text: "Show it for a program.", command: "latchkey key get KEY_ID --json" },
  ],
  rpcs: ["ApiKeyService.GetApiKey"],
  async run(context, { key_id: id }) {
    const { apiKeys } = await context.client();
    const { apiKey } = await apiKeys.getApiKey({ id });
    const { keyItem } = await import("../key-view.ts");
    if (apiKey) await context.out.item(keyItem(apiKey));
  },
});

const workspaces = command({
  path: ["key", "workspaces"],
  summary: "list the workspaces that are granted to a key",
  arguments: [{ name: "key_id", summary: "id of the key" }],
  options: listOptions,
  examples: [{ text: "List the workspaces of a key.", command: "latchkey key workspaces KEY_ID" }],
  rpcs: ["ApiKeyService.ListApiKeyWorkspaces"],
  async run(context, { key_id: id, sort, ...pages }) {
    const { apiKeys } = await context.client();
    const filter = { id, sortOrder: sort ?? "" };
    const message = await readPages(context.out, pages, (page) =>
      apiKeys.listApiKeyWorkspaces({ ...filter, ...page }),
    );
    const { items } = message;
    type Item = (typeof items)[number];
    await context.out.list<Item>({
      message,
      items,
      id: ({ metadata }) => metadata?.id ?? "",
      empty: "no workspaces",
      columns: [
        { title: "id", value: ({ metadata }) => metadata?.id ?? "" },
        { title: "name", value: ({ metadata }) => metadata?.name ?? "" },
      ],
    });
  },
});

/** The commands about keys. */
export const keyCommands = [
  list,
  get,
  ...keyMintCommands,
  ...keyChangeCommands,
  workspaces,
  ...keyRevokeCommands,
];
