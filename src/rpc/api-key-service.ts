import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ApiKeyFilter } from "../../gen/latchkey/v1/api_key_pb.ts";
import {
  type ApiKeyService,
  type CreateApiKeyRequest,
  type ListApiKeysRequest,
  type UpdateApiKeyRequest,
  UpdateApiKeyRequestSchema,
} from "../../gen/latchkey/v1/api_key_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { type ApiKey, getApiKey } from "../domain/api-key/api-key.ts";
import { createApiKey, type MintDeps } from "../domain/api-key/create.ts";
import type { NewApiKey } from "../domain/api-key/draft.ts";
import { type ApiKeyFilter as ListedKeys, listApiKeys } from "../domain/api-key/list.ts";
import { type RevocationFilter, revokeApiKeys } from "../domain/api-key/revoke-many.ts";
import { rotateApiKey } from "../domain/api-key/rotate.ts";
import { disableApiKey, enableApiKey, revokeApiKey } from "../domain/api-key/state.ts";
import { type ApiKeyUpdate, updateApiKey } from "../domain/api-key/update.ts";
import {
  addApiKeyWorkspace,
  listApiKeyWorkspaces,
  removeApiKeyWorkspace,
} from "../domain/api-key/workspace.ts";
import { apiKeyMessage, environmentOf, kindOf, scopeOf, stateOf } from "./api-key-message.ts";
import { changeable } from "./changeable.ts";
import { effectiveNow, latestEffectiveAt } from "./effective.ts";
import { date, workspaceMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { newRateLimits } from "./rate-limit-message.ts";
import { changedFields } from "./update-mask.ts";

/** `ApiKeyService`: the API keys of an account. */
export function apiKeyService(db: Store, deps: MintDeps): Operations<typeof ApiKeyService> {
  const read = (key: ApiKey) => apiKeyMessage(key, latestEffectiveAt(db));
  const changed = (key: ApiKey) => apiKeyMessage(key, effectiveNow(db));
  return {
    async createApiKey(request, context) {
      return { apiKey: changed(await createApiKey(db, callerOf(context), deps, newApiKey(request))) };
    },
    async listApiKeys(request, context) {
      const { items, nextCursor } = await listApiKeys(db, callerOf(context), listedKeys(request));
      return { items: items.map(read), pagination: { nextCursor } };
    },
    async getApiKey(request, context) {
      return { apiKey: read(await getApiKey(db, callerOf(context), request.id)) };
    },
    async updateApiKey(request, context) {
      return {
        apiKey: changed(await updateApiKey(db, callerOf(context), deps, apiKeyUpdate(request))),
      };
    },
    async revokeApiKey(request, context) {
      return { apiKey: changed(await revokeApiKey(db, callerOf(context), request.id)) };
    },
    async revokeApiKeys({ filter, limit, dryRun }, context) {
      return revokeApiKeys(db, callerOf(context), { filter: keyFilter(filter), limit, dryRun }, context);
    },
    async rotateApiKey({ id, gracePeriod }, context) {
      const graceMs = gracePeriod ? durationMs(gracePeriod) : 0;
      return { apiKey: changed(await rotateApiKey(db, callerOf(context), deps, { id, graceMs })) };
    },
    async disableApiKey(request, context) {
      return { apiKey: changed(await disableApiKey(db, callerOf(context), request.id)) };
    },
    async enableApiKey(request, context) {
      return { apiKey: changed(await enableApiKey(db, callerOf(context), request.id)) };
    },
    async addApiKeyWorkspace(request, context) {
      return { apiKey: changed(await addApiKeyWorkspace(db, callerOf(context), deps.bounds, request)) };
    },
    async removeApiKeyWorkspace(request, context) {
      return { apiKey: changed(await removeApiKeyWorkspace(db, callerOf(context), request)) };
    },
    async listApiKeyWorkspaces(request, context) {
      const { items, nextCursor } = await listApiKeyWorkspaces(db, callerOf(context), request.id, request);
      return { items: items.map(workspaceMessage), pagination: { nextCursor } };
    },
  };
}

function newApiKey(request: CreateApiKeyRequest): NewApiKey {
  const { metadata, spec, initialWorkspaceIds, requestId, serviceAccount } = request;
  return {
    requestId,
    ...(serviceAccount && { serviceAccount }),
    name: metadata?.name ?? "",
    description: spec?.description ?? "",
    externalId: metadata?.externalId ?? "",
    labels: metadata?.labels ?? {},
    permissions: spec?.permissions ?? [],
    kind: spec && kindOf(spec.kind),
    environment: spec && environmentOf(spec.environment),
    workspaceScope: spec && scopeOf(spec.workspaceScope),
    expiresAt: date(spec?.expiresAt, "spec.expires_at"),
    serviceAccountId: spec?.serviceAccountId ?? "",
    workspaceIds: initialWorkspaceIds,
    rateLimits: newRateLimits(spec?.rateLimits ?? []),
  };
}

function listedKeys({
  kind,
  environment,
  state,
  expiresBefore,
  unusedSince,
  ...list
}: ListApiKeysRequest): ListedKeys {
  return {
    ...list,
    kind: kindOf(kind),
    environment: environmentOf(environment),
    state: stateOf(state),
    expiresBefore: date(expiresBefore, "expires_before"),
    unusedSince: date(unusedSince, "unused_since"),
  };
}

function keyFilter(filter: ApiKeyFilter | undefined): RevocationFilter {
  return {
    labels: filter?.labels ?? "",
    createdBy: filter?.createdBy ?? "",
    kind: filter && kindOf(filter.kind),
    mintedByKeyId: filter?.mintedByKeyId ?? "",
  };
}

function apiKeyUpdate(request: UpdateApiKeyRequest): ApiKeyUpdate {
  const { id, etag, metadata, spec } = request;
  const changes = changedFields(
    UpdateApiKeyRequestSchema,
    request,
    request.updateMask,
    changeable.UpdateApiKeyRequest,
  );
  const scope = spec && scopeOf(spec.workspaceScope);
  return {
    id,
    etag,
    kind: spec && kindOf(spec.kind),
    environment: spec && environmentOf(spec.environment),
    ...(spec?.serviceAccountId && { serviceAccountId: spec.serviceAccountId }),
    ...(changes("metadata.name") && { name: metadata?.name ?? "" }),
    ...(changes("metadata.labels") && { labels: metadata?.labels ?? {} }),
    ...(changes("metadata.external_id") && { externalId: metadata?.externalId ?? "" }),
    ...(changes("spec.description") && { description: spec?.description ?? "" }),
    ...(changes("spec.permissions") && { permissions: spec?.permissions ?? [] }),
    // If the mask names the field and it is unset, the default applies, as at creation.
    ...(changes("spec.workspace_scope") && { workspaceScope: scope ?? "selected" }),
    ...(changes("spec.expires_at") && { expiresAt: date(spec?.expiresAt, "spec.expires_at") ?? null }),
    ...(changes("spec.rate_limits") && { rateLimits: newRateLimits(spec?.rateLimits ?? []) }),
  };
}
