import type { MessageInitShape } from "@bufbuild/protobuf";
import { PrincipalKind, type PrincipalSchema } from "../../gen/latchkey/v1/principal_pb.ts";
import type { PrincipalKind as Kind, Principal } from "../domain/access/principal.ts";
import { environmentMessage, scopeMessage } from "./api-key-message.ts";
import { profileMessage } from "./messages.ts";

const kinds: Record<Kind, PrincipalKind> = {
  user: PrincipalKind.USER,
  application: PrincipalKind.APPLICATION_KEY,
  service: PrincipalKind.SERVICE_KEY,
  developer: PrincipalKind.DEVELOPER_KEY,
};

/** Returns the message of a principal. */
export function principalMessage(principal: Principal): MessageInitShape<typeof PrincipalSchema> {
  return {
    accountId: principal.accountId,
    accountExternalId: principal.accountExternalId,
    userId: principal.userId ?? "",
    profile: profileMessage(principal.accountId, principal.profile),
    kind: kinds[principal.kind],
    keyId: principal.keyId ?? "",
    ...(principal.key && {
      keyName: principal.key.name,
      keyExternalId: principal.key.externalId,
      keyLabels: labelsMessage(principal.key.labels),
    }),
    environment: environmentMessage(principal.environment),
    permissions: [...principal.permissions],
    workspaceScope: scopeMessage(principal.workspaceScope),
    workspaceIds: principal.workspaceScope === "all" ? [] : [...principal.workspaceIds],
    entitlements: [...principal.entitlements],
  };
}

// A label may be called `__proto__`, which an assignment would not keep.
function labelsMessage(labels: readonly string[]): Record<string, string> {
  const entries: [string, string][] = [];
  for (let n = 0; n < labels.length; n += 2) entries.push([labels[n] ?? "", labels[n + 1] ?? ""]);
  return Object.fromEntries(entries);
}
