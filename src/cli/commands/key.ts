import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { command } from "../command.ts";
import { listOptions, readPages } from "../lists.ts";
import { labelsText, timeText, wordOf } from "../text.ts";

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
    revoked: { summary: "revoked keys too" },
  },
  examples: [
    { text: "List the newest keys.", command: "latchkey key list" },
    {
      text: "List all keys with a label, for a program.",
      command: "latchkey key list --label env=staging --all --json",
    },
    { text: "Write only the ids.", command: "latchkey key list --quiet" },
  ],
  rpcs: ["ApiKeyService.ListApiKeys"],
  async run(context, input) {
    const { apiKeys } = await context.client();
    const filter = {
      labels: input.label.join(","),
      query: input.query ?? "",
      prefix: input.prefix ?? "",
      externalId: input["external-id"] ?? "",
      sortOrder: input.sort ?? "",
      showRevoked: input.revoked,
      includeInfo: true,
    };
    const message = await readPages(context.out, input, (page) =>
      apiKeys.listApiKeys({ ...filter, ...page }),
    );
    const { ApiKeyKind, ApiKeyState } = await import("../../../gen/latchkey/v1/api_key_pb.ts");
    await context.out.list<ApiKey>({
      message,
      items: message.items,
      id: ({ metadata }) => metadata?.id ?? "",
      empty: "no keys",
      columns: [
        { title: "id", value: ({ metadata }) => metadata?.id ?? "" },
        { title: "name", value: ({ metadata }) => metadata?.name ?? "" },
        { title: "kind", value: ({ spec }) => wordOf(ApiKeyKind, spec?.kind ?? 0) },
        { title: "state", value: ({ state }) => wordOf(ApiKeyState, state) },
        { title: "last used", value: ({ info }) => timeText(info?.lastUsedAt) || "never" },
        { title: "expires", value: ({ spec }) => timeText(spec?.expiresAt) || "never" },
        { title: "labels", value: ({ metadata }) => labelsText(metadata?.labels) },
      ],
    });
  },
});

/** The commands about keys. */
export const keyCommands = [list];
