import { create, type DescMethod, type Message, type MessageShape } from "@bufbuild/protobuf";
import { services } from "../../src/server.ts";
import { issueKey, newWorkspace, type Owner, password, type TestApp } from "./app.ts";

/** Every RPC of ours. */
export const methods: DescMethod[] = services.flatMap((service) => service.methods);

/** The name of an RPC in tables of tests. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}

/** A request that this RPC accepts from this owner; where it changes something, one that does change something. */
export async function validRequest(app: TestApp, owner: Owner, method: DescMethod): Promise<Message> {
  const prepare = valid[nameOf(method)];
  if (!prepare) throw new Error(`${nameOf(method)} has no valid request in test/support/requests.ts`);
  return create(method.input, await prepare(owner, app)) as MessageShape<typeof method.input>;
}

const workspace = async (owner: Owner) => ({ workspaceId: await newWorkspace(owner) });
const key = async (owner: Owner) => ({ id: (await issueKey(owner)).id });
const grant = async (owner: Owner) => ({ ...(await key(owner)), ...(await workspace(owner)) });
const member = async (owner: Owner) => ({
  ...(await workspace(owner)),
  profileId: owner.profile.metadata?.id,
});
const named = { metadata: { name: "new", labels: { env: "prod" }, externalId: "x-1" } };
const described = { ...named, spec: { description: "what it is for" } };

const valid: Record<string, (owner: Owner, app: TestApp) => Promise<Record<string, unknown>>> = {
  "ApiKeyService/CreateApiKey": async (owner) => ({
    ...described,
    initialWorkspaceIds: [await newWorkspace(owner)],
    requestId: "once",
  }),
  "ApiKeyService/ListApiKeys": async () => ({}),
  "ApiKeyService/GetApiKey": key,
  "ApiKeyService/UpdateApiKey": async (owner) => ({ ...(await key(owner)), ...described }),
  "ApiKeyService/RevokeApiKey": key,
  "ApiKeyService/RotateApiKey": key,
  "ApiKeyService/DisableApiKey": key,
  async "ApiKeyService/EnableApiKey"(owner) {
    const { id } = await key(owner);
    await owner.apiKeys.disableApiKey({ id });
    return { id };
  },
  "ApiKeyService/AddApiKeyWorkspace": grant,
  async "ApiKeyService/RemoveApiKeyWorkspace"(owner) {
    const granted = await grant(owner);
    await owner.apiKeys.addApiKeyWorkspace(granted);
    return granted;
  },
  "ApiKeyService/ListApiKeyWorkspaces": key,
  "AccountService/GetAccount": async () => ({}),
  "AccountService/UpdateAccount": async (owner) => ({ id: owner.account.metadata?.id, ...described }),
  "AccountService/ListAccounts": async () => ({}),
  "AccountService/CreateAccount": async () => ({ ...described, requestId: "once" }),
  "WorkspaceService/ListWorkspaces": async () => ({}),
  "WorkspaceAdminService/CreateWorkspace": async () => ({ ...described, requestId: "once" }),
  "WorkspaceAdminService/ListAccountWorkspaces": async () => ({}),
  "WorkspaceAdminService/GetWorkspace": workspace,
  "WorkspaceAdminService/UpdateWorkspace": async (owner) => ({ ...(await workspace(owner)), ...described }),
  async "WorkspaceAdminService/ArchiveWorkspace"(owner) {
    await newWorkspace(owner);
    return await workspace(owner);
  },
  "WorkspaceAdminService/ListWorkspaceMembers": workspace,
  "WorkspaceAdminService/AddWorkspaceMember": member,
  async "WorkspaceAdminService/RemoveWorkspaceMember"(owner) {
    const added = await member(owner);
    await owner.workspaceAdmin.addWorkspaceMember(added);
    return added;
  },
  "ProfileService/WhoAmI": async () => ({}),
  "SessionService/SignUp": async () => ({
    email: `${crypto.randomUUID()}@example.com`,
    password,
    name: "New",
    accountName: "New",
  }),
  "SessionService/LogIn": async (owner) => ({ email: owner.email, password }),
  "SessionService/LogOut": async () => ({}),
  "TokenService/VerifyToken": async (owner) => ({ token: (await issueKey(owner)).token }),
  "TokenService/BatchVerifyTokens": async (owner) => ({
    requests: [{ token: (await issueKey(owner)).token }],
  }),
  "TokenService/RevokeToken": async (owner) => ({ token: (await issueKey(owner)).token }),
  "AuditService/ListAuditEvents": async () => ({}),
};
