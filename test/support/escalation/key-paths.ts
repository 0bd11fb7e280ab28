import { ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { inSeconds, rotate } from "../actors/api-key.ts";
import type { Company } from "../actors/company.ts";
import type { EscalationPath } from "./paths.ts";

const { SERVICE, APPLICATION } = ApiKeyKind;
const { ALL, SELECTED } = WorkspaceScope;
const key = (spec: object) => ({ metadata: { name: "x" }, spec });
const stronger = "agents:write";
const other = ({ other }: Company) => other;
const every = () => "*";

/** Every path by which a caller could give a key more than the caller holds. */
export const keyPaths: EscalationPath[] = [
  {
    what: "mints an application key with more",
    method: "CreateApiKey",
    call: ({ apiKeys }) => apiKeys.createApiKey(key({ kind: APPLICATION, permissions: [stronger] })),
    missing: stronger,
  },
  {
    what: "mints a service key of a stronger team",
    environment: "none",
    method: "CreateApiKey",
    call: ({ apiKeys }, { robots }) =>
      apiKeys.createApiKey(key({ kind: SERVICE, serviceAccountId: robots.strong, workspaceScope: SELECTED })),
    missing: stronger,
  },
  {
    what: "mints a service key for every workspace",
    environment: "none",
    method: "CreateApiKey",
    call: ({ apiKeys }, { robots }) =>
      apiKeys.createApiKey(key({ kind: SERVICE, serviceAccountId: robots.weak })),
    workspace: every,
  },
  {
    what: "updates an application key to more",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.application, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "updates a service key to more of what its team may",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.narrow, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "updates a service key to every workspace",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.selected, spec: { workspaceScope: ALL } }),
    workspace: every,
  },
  {
    what: "prolongs a stronger service key",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.ending, spec: { expiresAt: inSeconds(7200) } }),
    missing: stronger,
  },
  {
    what: "rotates a stronger service key",
    environment: "none",
    method: "RotateApiKey",
    call: (by, { keys }) => rotate(by, keys.strong, 60),
    missing: stronger,
  },
  {
    what: "enables a stronger key",
    method: "EnableApiKey",
    call: ({ apiKeys }, { keys }) => apiKeys.enableApiKey({ id: keys.disabled }),
    missing: stronger,
  },
  {
    what: "grants a service key another workspace",
    environment: "none",
    method: "AddApiKeyWorkspace",
    call: ({ apiKeys }, { keys, other }) =>
      apiKeys.addApiKeyWorkspace({ id: keys.selected, workspaceId: other }),
    workspace: other,
  },
];
