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
import { type KeyState, keyStateOf } from "../domain/api-key/key-state.ts";
import { etagOf } from "../domain/kernel/list.ts";
import { creditsMessage } from "./credit-message.ts";
import type { EffectiveAt } from "./effective.ts";
import { metadataMessage, profileMessage, timestamp } from "./messages.ts";
import { rateLimitMessage } from "./rate-limit-message.ts";

const kinds: Record<StoredKind, ApiKeyKind> = {
  application: ApiKeyKind.APPLICATION,
  service: ApiKeyKind.SERVICE,
  developer: ApiKeyKind.DEVELOPER,
};
const environments: Record<StoredEnvironment, Environment> = {
  test: Environment.TEST,
  live: Environment.LIVE,
};
const states: Record<KeyState, ApiKeyState> = {
  active: ApiKeyState.ACTIVE,
  disabled: ApiKeyState.DISABLED,
  expired: ApiKeyState.EXPIRED,
  revoked: ApiKeyState.REVOKED,
};
const stored = new Map(Object.entries(states).map(([name, state]) => [state, name as KeyState]));
const scopes: Record<StoredScope, WorkspaceScope> = {
  selected: WorkspaceScope.SELECTED,
  all: WorkspaceScope.ALL,
};

/** Returns the message of a key. It contains the token only in the response that minted the token. */
export function apiKeyMessage(key: ApiKey, effectiveAt: EffectiveAt): MessageInitShape<typeof ApiKeySchema> {
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
      rateLimits: key.rate_limits.map(rateLimitMessage),
    },
    ...(key.info && { info: infoMessage(key, key.info, effectiveAt) }),
    state: states[keyStateOf(key)],
    etag: etagOf(key.version),
  };
}

/** Returns the message of an environment: unset if there is none. */
export function environmentMessage(environment: StoredEnvironment | undefined): Environment {
  return environment ? environments[environment] : Environment.UNSPECIFIED;
}

/** Returns the environment that a request names, if any. */
export function environmentOf(environment: Environment): StoredEnvironment | undefined {
  if (environment === Environment.TEST) return "test";
  return environment === Environment.LIVE ? "live" : undefined;
}

/** Returns the message of a workspace scope. */
export function scopeMessage(scope: StoredScope): WorkspaceScope {
  return scopes[scope];
}

/** Returns the workspace scope that a request names, if any. */
export function scopeOf(scope: WorkspaceScope): StoredScope | undefined {
  if (scope === WorkspaceScope.ALL) return "all";
  return scope === WorkspaceScope.SELECTED ? "selected" : undefined;
}

/** Returns the kind of key that a request names, if any. */
export function kindOf(kind: ApiKeyKind): StoredKind | undefined {
  if (kind === ApiKeyKind.APPLICATION) return "application";
  if (kind === ApiKeyKind.SERVICE) return "service";
  return kind === ApiKeyKind.DEVELOPER ? "developer" : undefined;
}

/** Returns the state of a key that a request names, if any. */
export function stateOf(state: ApiKeyState): KeyState | undefined {
  return stored.get(state);
}

function infoMessage(key: ApiKey, info: ApiKeyInfo, effectiveAt: EffectiveAt) {
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
      lastClientAddress: token.lastClientAddress ?? "",
    })),
    // A new key is in no cache, so it is effective at once.
    effectiveAt: timestamp(key.version === 1 ? key.changed_at : effectiveAt(key.changed_at)),
    profileId: key.profile_id,
    disabledAt: timestamp(key.disabled_at),
    revokedAt: timestamp(key.revoked_at),
    ...(info.credits && { credits: creditsMessage(info.credits) }),
    mintedByKeyId: key.minted_by_key_id ?? key.platform_key_id ?? "",
    limitedByKeyId: key.limited_by_key_id ?? "",
  };
}
