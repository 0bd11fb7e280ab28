import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { services } from "../../../src/app/routes.ts";
import { newAccountOf } from "../actors/access-scene.ts";
import { inviteOf, newEmail, newMember, newName, newServiceAccount, newTeam } from "../actors/actors.ts";
import { systemKeyOf } from "../actors/api-key.ts";
import { type Clients, issueKey, newWorkspace, type Owner, type SharedApp } from "../app.ts";
import { withCredits } from "./platform-requests.ts";
import { nameOf, validRequest } from "./requests.ts";

/** The callers: the columns of the access table, with their descriptions. */
export const principals = {
  "no bearer": "sends no bearer",
  stranger: "owns another account, and names this one in `latchkey-account`",
  bare: "a member whose role allows nothing",
  viewer: "a member with the role `viewer`",
  developer: "a member with the role `developer`",
  admin: "a member with the role `admin`",
  owner: "a member with the role `owner`",
  "app *": "application key with `*`, all workspaces",
  "app *:write": "application key with `*:write`, all workspaces: an integration's",
  superseded: "a token of an application key with `*`, in its grace period after a rotation",
  "service *": "service key of a team with the role `admin`",
  "service scim": "service key of a team with `profiles:manage` and nothing else",
  "dev key": "a developer key of the developer",
  "system key": "the account's system key",
  "platform key": "service key of the platform account with `*`",
  "platform acts":
    "service key of the platform account with `*`, which names this account in `latchkey-account`",
  "platform issues":
    "application key of the platform account with `accounts:act` and `api_keys:write`, which names this account",
  embedded:
    "an embed session with `*` and no workspace, made by a service key of the platform account with `*`",
  verifier: "application key of the platform account with `tokens:verify`",
  "platform person": "a member of the platform account with the role `admin`",
  suspended: "an owner of a suspended account",
  "suspended key": "application key with `*` of a suspended account",
  removed: "a former admin, who was removed and names the account",
  "removed key": "a developer key of that person",
} as const;

/** The name of a caller. */
export type PrincipalName = keyof typeof principals;

/** The words of the table, by the reason of the error. Any other error comes after authorization, so its word is `yes`. */
export const words = {
  PERMISSION_DENIED: "no",
  MISSING_API_KEY: "bearer",
  REVOKED_API_KEY: "revoked",
  REVOKED_SESSION: "revoked",
  LOGIN_REQUIRED: "log in",
  ACCOUNT_MISMATCH: "mismatch",
  ACCOUNT_SUSPENDED: "suspended",
  WORKSPACE_FORBIDDEN: "workspace",
  ENVIRONMENT_MISMATCH: "environment",
  SYSTEM_KEY: "system key",
  NOT_FOUND: "not found",
} as const;

/** A row of the table: an RPC, and the kind of request if that makes a difference to the result. */
export interface Row {
  name: string;
  method: DescMethod;
  /** Whether the call may end or replace the bearer that makes it. */
  ends: boolean;
  /** Whether the request is the same for every caller. While nothing changes, the next caller can send it again. */
  shared: boolean;
  request(scene: Scene, by: By): Promise<Message>;
}

/** An account that has a caller of every kind. */
export interface Scene {
  app: SharedApp;
  owner: Owner;
  /** The owner of an unrelated account. */
  elsewhere: Owner;
  /** Returns the clients of a caller. If `fresh`, they have their own session or key, because the call may end it. */
  bearer(name: PrincipalName, fresh?: boolean): Promise<Clients>;
  /** Returns the e-mail address of a caller that is a person. */
  emailOf(name: PrincipalName): string | undefined;
}

/** The caller of a cell of the table: its column, and its clients. */
export interface By extends Clients {
  name: PrincipalName;
}

type Prepare = (scene: Scene, by: By) => Promise<Record<string, unknown>>;

// Requests that differ from the valid request, because that depends on the caller, or would end more than its cell.
const replacements: Record<string, Prepare> = {
  "AccountService/DeleteAccount": async () => ({ name: "not its name" }),
  "SessionService/ChangePassword": async () => ({ oldPassword: "wrong", newPassword: "another staple" }),
  "SessionService/ChangeEmail": async () => ({ email: newEmail(), password: "wrong" }),
  "SessionService/DeleteUser": async () => ({ password: "wrong" }),
  "SessionService/RevokeSession": async () => ({}),
  "SessionService/RequestPasswordReset": async () => ({ email: newEmail() }),
  "SessionService/ResetPassword": async () => ({ token: "wrong", password: "another staple" }),
  "SessionService/ProveEmail": async () => ({ token: "wrong" }),
  // The authority over workspaces has its own tests.
  "ApiKeyService/CreateApiKey": async () => ({ metadata: { name: "made" } }),
  async "InviteService/AcceptInvite"({ app, elsewhere, emailOf }, by) {
    const inviter = app.clientAs(elsewhere.token, { "latchkey-account": await newAccountOf(elsewhere) });
    const invited = await inviteOf(inviter, { email: emailOf(by.name) ?? newEmail(), role: "viewer" });
    return { ...invited, name: "Newcomer", password: "correct horse battery staple" };
  },
  // The bearer may be the system key itself, which must not be disabled before its call.
  "AccountService/EnableGlobalApiKey": async () => ({}),
  // The RPCs of the platform change an unrelated account, not the account of the scene.
  ...Object.fromEntries(
    ["SuspendAccount", "ResumeAccount"].map((rpc) => [
      `AccountService/${rpc}`,
      async ({ elsewhere }: Scene) => ({ accountId: await newAccountOf(elsewhere) }),
    ]),
  ),
  // These may change the same account again and again. A user has a bounded number of accounts.
  ...Object.fromEntries(
    ["SetEntitlements", "SetRateLimits"].map((rpc) => [
      `AccountService/${rpc}`,
      async ({ elsewhere }: Scene) => ({ accountId: elsewhere.account.metadata?.id }),
    ]),
  ),
  "AccountService/SetCredits": async ({ elsewhere }) => ({
    accountId: elsewhere.account.metadata?.id,
    credits: { remaining: 1 },
  }),
  "AccountService/AddCredits": async ({ app, elsewhere }) => ({
    ...(await withCredits(app, { accountId: elsewhere.account.metadata?.id })),
    amount: 1,
  }),
  "TokenService/WatchTokens": async () => ({ message: { case: "ping", value: { number: 1 } } }),
  "AccountService/RemoveCredits": async ({ app, elsewhere }) =>
    withCredits(app, { accountId: elsewhere.account.metadata?.id }),
};

// Further requests of an RPC: about the caller's own resources, and those that only some ranks may send.
const furtherRequests: Record<string, Record<string, Prepare>> = {
  "ApiKeyService/CreateApiKey": {
    "a developer key": async () => ({ metadata: { name: "mine" }, spec: { kind: ApiKeyKind.DEVELOPER } }),
    "a service key": async ({ owner }) => ({
      metadata: { name: "a robot's" },
      spec: {
        kind: ApiKeyKind.SERVICE,
        serviceAccountId: (await newServiceAccount(owner, newName(), await newTeam(owner))).id,
      },
    }),
    "with a new service account": async ({ owner }) => ({
      metadata: { name: "a robot's" },
      spec: { kind: ApiKeyKind.SERVICE },
      serviceAccount: { name: newName(), teamId: await newTeam(owner) },
    }),
  },
  "ApiKeyService/GetApiKey": { "its own": ownKey },
  "ApiKeyService/RevokeApiKey": { "its own": ownKey, "the system key": theSystemKey },
  "ApiKeyService/RotateApiKey": { "its own": ownKey, "the system key": theSystemKey },
  "ApiKeyService/DisableApiKey": { "its own": ownKey, "the system key": theSystemKey },
  "ApiKeyService/EnableApiKey": { "the system key": theSystemKey },
  "ProfileService/RemoveProfile": {
    "its own": async ({ owner }, by) => ({
      id: (await whoIs(by))?.profile?.metadata?.id ?? owner.profile.metadata?.id,
    }),
    "an owner": async ({ app, owner }) => ({ id: (await newMember(app, owner, "owner")).profileId }),
  },
  "ProfileService/SetProfileRole": {
    "to owner": async ({ app, owner }) => ({
      id: (await newMember(app, owner, "viewer")).profileId,
      role: "owner",
    }),
    "of an owner": async ({ app, owner }) => ({
      id: (await newMember(app, owner, "owner")).profileId,
      role: "viewer",
    }),
  },
  "InviteService/CreateInvite": {
    "of an owner": async () => ({ email: newEmail(), role: "owner" }),
  },
  "WorkspaceAdminService/AddWorkspaceMember": {
    "by e-mail": async ({ owner }) => ({ workspaceId: await newWorkspace(owner), email: newEmail() }),
  },
};

// Requests that name a resource of the caller.
const ownProfile = furtherRequests["ProfileService/RemoveProfile"]?.["its own"];
const byCaller: unknown[] = [replacements["InviteService/AcceptInvite"], ownProfile, ownKey];

/** The rows of the table. Every RPC of the schema has at least one. */
export const rows: Row[] = services
  .flatMap((service) => service.methods)
  .flatMap((method) => {
    const rpc = nameOf(method);
    const prepare: Prepare = async ({ app, owner }) => ({ ...(await validRequest(app, owner, method)) });
    const row = (name: string, of: Prepare): Row => ({
      name,
      method,
      ends: /LogOut$|: (its own|the system key)$|(Rotate|Disable)GlobalApiKey$/.test(name),
      shared: !byCaller.includes(of),
      request: async (scene, by) => create(method.input, withoutType(await of(scene, by))) as Message,
    });
    const more = Object.entries(furtherRequests[rpc] ?? {});
    return [
      row(rpc, replacements[rpc] ?? prepare),
      ...more.map(([what, prepareRequest]) => row(`${rpc}: ${what}`, prepareRequest)),
    ];
  });

/** Returns the word of the table for an outcome. Fails for an error that says nothing about the caller. */
export async function wordOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "yes";
  } catch (reason) {
    const error = ConnectError.from(reason);
    const [info] = error.findDetails(ErrorInfoSchema);
    if (error.rawMessage === "internal error") throw error;
    // These errors hide whether the caller may make the call.
    if (info?.reason === "RATE_LIMITED" || info?.reason === "UNAVAILABLE") throw error;
    return words[info?.reason as keyof typeof words] ?? (isAboutCaller(info?.reason) ? info?.reason : "yes");
  }
}

// The own key of a person is a developer key, and the own key of a key is itself. Other callers get a key of the developer.
async function ownKey({ bearer }: Scene, by: By) {
  const who = await whoIs(by);
  const gracePeriod = { seconds: 60n };
  if (who?.keyId) return { id: who.keyId, gracePeriod };
  const minter = who ? by : await bearer("developer");
  return { id: (await issueKey(minter, { spec: { kind: ApiKeyKind.DEVELOPER } })).id, gracePeriod };
}

async function whoIs(by: Clients) {
  const known = await by.profiles.whoAmI({}).catch(() => undefined);
  return known?.principal;
}

async function theSystemKey({ app, owner }: Scene) {
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  return { id, gracePeriod: { seconds: 60n } };
}

function isAboutCaller(reason = ""): boolean {
  return /^(INVALID|EXPIRED|REVOKED|DISABLED)_(API_KEY|SESSION)$|_REQUIRED$|_MISMATCH$|^WORKSPACE_/.test(
    reason,
  );
}

function withoutType({ $typeName: _, ...fields }: Record<string, unknown>): Record<string, unknown> {
  return fields;
}
