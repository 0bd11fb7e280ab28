import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "../../../gen/latchkey/v1/account_service_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../../../gen/latchkey/v1/audit_service_pb.ts";
import { InviteService } from "../../../gen/latchkey/v1/invite_service_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { RoleService } from "../../../gen/latchkey/v1/role_service_pb.ts";
import { ServiceAccountService } from "../../../gen/latchkey/v1/service_account_service_pb.ts";
import { SessionService } from "../../../gen/latchkey/v1/session_service_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { UsageService } from "../../../gen/latchkey/v1/usage_service_pb.ts";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { WorkspaceService } from "../../../gen/latchkey/v1/workspace_service_pb.ts";

/** The clients of all services for one bearer. */
export interface Clients {
  apiKeys: Client<typeof ApiKeyService>;
  accounts: Client<typeof AccountService>;
  workspaces: Client<typeof WorkspaceService>;
  workspaceAdmin: Client<typeof WorkspaceAdminService>;
  profiles: Client<typeof ProfileService>;
  sessions: Client<typeof SessionService>;
  tokens: Client<typeof TokenService>;
  audit: Client<typeof AuditService>;
  invites: Client<typeof InviteService>;
  teams: Client<typeof TeamService>;
  roles: Client<typeof RoleService>;
  serviceAccounts: Client<typeof ServiceAccountService>;
  usage: Client<typeof UsageService>;
  token: string;
  as<S extends DescService>(service: S): Client<S>;
}

/** Returns the clients of a bearer over a transport that sends its token. */
export function clients(transport: Transport, token: string): Clients {
  return {
    apiKeys: createClient(ApiKeyService, transport),
    accounts: createClient(AccountService, transport),
    workspaces: createClient(WorkspaceService, transport),
    workspaceAdmin: createClient(WorkspaceAdminService, transport),
    profiles: createClient(ProfileService, transport),
    sessions: createClient(SessionService, transport),
    tokens: createClient(TokenService, transport),
    audit: createClient(AuditService, transport),
    invites: createClient(InviteService, transport),
    teams: createClient(TeamService, transport),
    roles: createClient(RoleService, transport),
    serviceAccounts: createClient(ServiceAccountService, transport),
    usage: createClient(UsageService, transport),
    token,
    as: (service) => createClient(service, transport),
  };
}

/** Returns a transport that adds headers to every request. */
export function withHeaders(transport: Transport, headers: Record<string, string>): Transport {
  const all = (own: Parameters<Transport["unary"]>[3]) => {
    const merged = new Headers(own);
    for (const [name, value] of Object.entries(headers)) merged.set(name, value);
    return merged;
  };
  return {
    unary: (method, signal, timeoutMs, header, ...rest) =>
      transport.unary(method, signal, timeoutMs, all(header), ...rest),
    stream: (method, signal, timeoutMs, header, ...rest) =>
      transport.stream(method, signal, timeoutMs, all(header), ...rest),
  };
}
