import {
  type ApiKey,
  ApiKeyKind,
  ApiKeyState,
  Environment,
  WorkspaceScope,
} from "../../gen/latchkey/v1/api_key_pb.ts";
import type { Column } from "./grid.ts";
import type { ShownItem } from "./output.ts";
import { labelsText, timeText, wordOf } from "./text.ts";
import { timeColumn } from "./time-column.ts";

/** The columns of a list of keys. */
export const keyColumns: readonly Column<ApiKey>[] = [
  { title: "id", value: ({ metadata }) => metadata?.id ?? "" },
  { title: "name", value: ({ metadata }) => metadata?.name ?? "" },
  { title: "kind", whole: true, extra: true, value: ({ spec }) => wordOf(ApiKeyKind, spec?.kind ?? 0) },
  { title: "state", whole: true, value: ({ state }) => wordOf(ApiKeyState, state) },
  timeColumn("last used", ({ info }) => info?.lastUsedAt, "never"),
  timeColumn("expires", ({ spec }) => spec?.expiresAt, "never"),
  { title: "labels", extra: true, value: ({ metadata }) => labelsText(metadata?.labels) },
];

/** Returns a key as fields. */
export function keyItem(key: ApiKey): ShownItem {
  const { metadata, spec, info, state } = key;
  const workspaces = info?.workspacesPreview.map(({ id, name }) => `${name} (${id})`) ?? [];
  const more = (info?.workspacesTotal ?? 0) - workspaces.length;
  const isEverywhere = spec?.workspaceScope === WorkspaceScope.ALL;
  return {
    message: key,
    id: metadata?.id ?? "",
    fields: [
      ["id", metadata?.id ?? ""],
      ["name", metadata?.name ?? ""],
      ["kind", wordOf(ApiKeyKind, spec?.kind ?? 0)],
      ["state", wordOf(ApiKeyState, state)],
      ["token", spec?.token ?? ""],
      ["description", spec?.description ?? ""],
      ["labels", labelsText(metadata?.labels)],
      ["external id", metadata?.externalId ?? ""],
      ["environment", wordOf(Environment, spec?.environment ?? 0)],
      ["permissions", spec?.permissions.join(" ") || "none"],
      [
        "workspaces",
        isEverywhere ? "all" : [...workspaces, ...(more > 0 ? [`${more} more`] : [])].join(", ") || "none",
      ],
      ["service account", spec?.serviceAccountId ?? ""],
      ["rate limits", spec?.rateLimits.map(limitText).join(", ") ?? ""],
      ["created", timeText(metadata?.createdAt)],
      ["expires", timeText(spec?.expiresAt)],
      ["last used", timeText(info?.lastUsedAt)],
      ...tokenFields(key),
      ["disabled", timeText(info?.disabledAt)],
      ["revoked", timeText(info?.revokedAt)],
      ["etag", key.etag],
    ],
  };
}

function tokenFields({ info }: ApiKey): [string, string][] {
  return (info?.tokens ?? []).map(({ hint, createdAt, endsAt, lastUsedAt }) => {
    const used = timeText(lastUsedAt);
    const facts = [
      `made ${timeText(createdAt)}`,
      used === "" ? "never used" : `last used ${used}`,
      ...(endsAt ? [`ends ${timeText(endsAt)}`] : []),
    ];
    return ["live token", `${hint}: ${facts.join(", ")}`];
  });
}

function limitText({ name, limit, period }: NonNullable<ApiKey["spec"]>["rateLimits"][number]): string {
  return `${name}=${limit}/${period?.seconds ?? 0}s`;
}
