/** A request and its response. */
export interface Example {
  title: string;
  request?: unknown;
  response: unknown;
}

const ulid = "01jd0000000000000000000000";
const ids = {
  account: `acct_${ulid}`,
  key: `key_${ulid}`,
  profile: `prof_${ulid}`,
  workspace: `ws_${ulid}`,
};
const time = "2026-01-02T03:04:05.000Z";

// The check at the end is wrong. So no server accepts these tokens, and a scanner that computes the check ignores them.
const tokenOf = (kind: string) => `lk_${kind}_${ulid}EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAM000000`;
const hintOf = (kind: string) => `lk_${kind}_${ulid}…0000`;

const metadata = (id: string, name: string) => ({
  id,
  accountId: ids.account,
  name,
  profileId: ids.profile,
  createdAt: time,
  externalId: "",
  labels: {},
});

const profile = {
  metadata: metadata(ids.profile, "Ada"),
  spec: { type: "PROFILE_TYPE_USER", email: "ada@example.com", name: "Ada" },
  via: "",
  keyId: "",
};

const account = {
  metadata: { ...metadata(ids.account, "Acme"), profileId: "" },
  spec: { description: "" },
  state: "ACCOUNT_STATE_ACTIVE",
  etag: "1",
};

const spec = {
  token: "",
  description: "",
  permissions: ["agents:read"],
  system: false,
  kind: "API_KEY_KIND_APPLICATION",
  environment: "ENVIRONMENT_LIVE",
  workspaceScope: "WORKSPACE_SCOPE_SELECTED",
  serviceAccountId: "",
  rateLimits: [],
};

const apiKey = {
  metadata: { ...metadata(ids.key, "CI"), labels: { env: "prod" } },
  spec,
  info: {
    createdBy: profile,
    workspacesPreview: [{ id: ids.workspace, name: "Production" }],
    workspacesTotal: 1,
    tokens: [{ hint: hintOf("live"), createdAt: time, lastClientAddress: "203.0.113.7" }],
    effectiveAt: time,
    profileId: `prof_01jd0000000000000000000001`,
    mintedByKeyId: "",
    limitedByKeyId: "",
  },
  state: "API_KEY_STATE_ACTIVE",
  etag: "1",
};

const minted = { ...apiKey, spec: { ...spec, token: tokenOf("live") } };
const revoked = {
  ...apiKey,
  info: { ...apiKey.info, tokens: [], revokedAt: time },
  state: "API_KEY_STATE_REVOKED",
  etag: "2",
};

const principal = {
  accountId: ids.account,
  userId: "",
  profile: {
    ...profile,
    metadata: metadata("prof_01jd0000000000000000000001", "CI"),
    spec: { type: "PROFILE_TYPE_API_KEY", email: "", name: "CI" },
  },
  kind: "PRINCIPAL_KIND_APPLICATION_KEY",
  keyId: ids.key,
  environment: "ENVIRONMENT_LIVE",
  permissions: ["agents:read"],
  workspaceScope: "WORKSPACE_SCOPE_SELECTED",
  workspaceIds: [ids.workspace],
  entitlements: [],
  accountExternalId: "",
  keyName: "CI",
  keyExternalId: "",
  keyLabels: { env: "prod" },
};

/** The examples of the document, by the name of the RPC: what a first session calls. */
export const examples: Record<string, Example> = {
  SignUp: {
    title: "A person signs up and gets an account.",
    request: {
      email: "ada@example.com",
      password: "a long password of the example",
      name: "Ada",
      accountName: "Acme",
    },
    response: { account, profile, token: tokenOf("ses") },
  },
  LogIn: {
    title: "A person signs in.",
    request: { email: "ada@example.com", password: "a long password of the example" },
    response: { token: tokenOf("ses"), accounts: [account] },
  },
  WhoAmI: {
    title: "A key asks what it may do.",
    response: { profile: principal.profile, principal, platform: false },
  },
  CreateApiKey: {
    title: "An application key for one workspace.",
    request: {
      metadata: { name: "CI", labels: { env: "prod" } },
      spec: { permissions: ["agents:read"] },
      initialWorkspaceIds: [ids.workspace],
    },
    response: minted,
  },
  ListApiKeys: {
    title: "The only page of a list.",
    response: { items: [{ ...apiKey, info: undefined }], pagination: { nextCursor: "" } },
  },
  GetApiKey: { title: "A key, without its token.", response: apiKey },
  RotateApiKey: {
    title: "The earlier tokens end after one hour.",
    request: { gracePeriod: "3600s" },
    response: minted,
  },
  RevokeApiKey: { title: "The key no longer works on any instance.", response: revoked },
  VerifyToken: {
    title: "A token that is accepted.",
    request: { token: tokenOf("live"), requiredPermissions: ["agents:read"], workspaceId: ids.workspace },
    response: {
      valid: true,
      verdict: "VERDICT_VALID",
      principal,
      metadata: {},
      failedRules: [],
      tokenId: "5d41402abc4b2a76b9719d91",
      database: "",
    },
  },
  RevokeToken: {
    title: "The holder of a token ends it.",
    request: { token: tokenOf("live") },
    response: {},
  },
};
