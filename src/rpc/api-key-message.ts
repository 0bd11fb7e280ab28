import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ApiKeyKind,
  type ApiKeySchema,
  ApiKeyState,
  Environment,
  WorkspaceScope,
} from "../../gen/latchkey/v1/api_key_pb.ts";
import type {
  Environment as StoredEnvironment,
  ApiKeyKind as StoredKind,
  WorkspaceScope as StoredScope,
} from "../db/schema.ts";
import type { ApiKey } from "../domain/api-key/api-key.ts";
import type { ApiKeyInfo } from "../domain/api-key/info.ts";
import { etagOf } from "../domain/kernel/list.ts";
import type { HoldsBy } from "./effective.ts";
import { metadataMessage, profileMessage, timestamp } from "./messages.ts";

const kinds: Record<StoredKind, ApiKeyKind> = {
  application: ApiKeyKind.APPLICATION,
  service: ApiKeyKind.SERVICE,
  developer: ApiKeyKind.DEVELOPER,
};
const environments: Record<StoredEnvironment, Environment> = {
  test: Environment.TEST,
  live: Environment.LIVE,
};
const scopes: Record<StoredScope, WorkspaceScope> = {
  selected: WorkspaceScope.SELECTED,
  all: WorkspaceScope.ALL,
};

/** A key. Its token only where the key carries one: in the answer that minted it. */
export function apiKeyMessage(key: ApiKey, holdsBy: HoldsBy): MessageInitShape<typeof ApiKeySchema> {
  return {
    metadata: metadataMessage(key),
    spec: {
      token: key.token ?? "",
      description: key.description,
      permissions: key.permissions,
      system: key.system,
      kind: kinds[key.kind],
      environment: environmentMessage(key.environment ?? undefined),
      workspaceScope: scopes[key.workspace_scope],
      serviceAccountId: key.service_account_id ?? "",
      expiresAt: timestamp(key.expires_at),
    },
    ...(key.info && { info: infoMessage(key, key.info, holdsBy) }),
    state: state(key),
    etag: etagOf(key.version),
  };
}

/** An environment, or unset. */
export function environmentMessage(environment: StoredEnvironment | undefined): Environment {
  return environment ? environments[environment] : Environment.UNSPECIFIED;
}

/** The environment that a request names, where it does. */
export function environmentOf(environment: Environment): StoredEnvironment | undefined {
  if (environment === Environment.TEST) return "test";
  return environment === Environment.LIVE ? "live" : undefined;
}

/** The scope of a principal or key. */
export function scopeMessage(scope: StoredScope): WorkspaceScope {
  return scopes[scope];
}

/** The scope that a request names, where it does. */
export function scopeOf(scope: WorkspaceScope): StoredScope | undefined {
  if (scope === WorkspaceScope.ALL) return "all";
  return scope === WorkspaceScope.SELECTED ? "selected" : undefined;
}

/** The kind that a request names, where it does. */
export function kindOf(kind: ApiKeyKind): StoredKind | undefined {
  if (kind === ApiKeyKind.APPLICATION) return "application";
  if (kind === ApiKeyKind.SERVICE) return "service";
  return kind === ApiKeyKind.DEVELOPER ? "developer" : undefined;
}

function infoMessage(key: ApiKey, info: ApiKeyInfo, holdsBy: HoldsBy) {
  return {
    ...(info.createdBy && { createdBy: profileMessage(key.account_id, info.createdBy) }),
    workspacesPreview: info.workspacesPreview,
    workspacesTotal: info.workspacesTotal,
    lastUsedAt: timestamp(info.lastUsedAt),
    tokens: info.tokens.map((token) => ({
      hint: token.hint,
      createdAt: timestamp(token.createdAt),
      endsAt: timestamp(token.endsAt),
      lastUsedAt: timestamp(token.lastUsedAt),
    })),
    // What is new is in nobody's memory.
    effectiveAt: timestamp(key.version === 1 ? key.changed_at : holdsBy(key.changed_at)),
    profileId: key.profile_id,
    disabledAt: timestamp(key.disabled_at),
    revokedAt: timestamp(key.revoked_at),
    mintedByKeyId: key.minted_by_key_id ?? "",
  };
}

function state(key: ApiKey): ApiKeyState {
  if (key.revoked_at) return ApiKeyState.REVOKED;
  if (key.expired) return ApiKeyState.EXPIRED;
  return key.disabled_at ? ApiKeyState.DISABLED : ApiKeyState.ACTIVE;
}
