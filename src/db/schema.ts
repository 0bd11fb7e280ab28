import type {
  ApiKeyTable,
  ApiKeyTokenTable,
  ApiKeyTokenUseTable,
  GracePeriodTable,
  SessionTable,
  SessionUseTable,
} from "./credential-tables.ts";
import type {
  AccountTable,
  AuditEventTable,
  GuestTable,
  IdentityTable,
  InviteTable,
  MemberRightsView,
  MembershipTable,
  OtpTable,
  ProfileTable,
  RequestTable,
  RoleTable,
  ServiceAccountTable,
  TeamMemberTable,
  TeamRightsView,
  TeamRoleTable,
  TeamTable,
  UserOpeningView,
  UserTable,
  WorkspaceGrantTable,
  WorkspaceTable,
} from "./tables.ts";

/** The tables and the view, as Postgres has them. `timestamptz` is read as Date, `bigint` as string. */
export interface Database {
  account: AccountTable;
  user: UserTable;
  profile: ProfileTable;
  role: RoleTable;
  membership: MembershipTable;
  workspace: WorkspaceTable;
  workspace_grant: WorkspaceGrantTable;
  api_key: ApiKeyTable;
  api_key_token: ApiKeyTokenTable;
  api_key_token_use: ApiKeyTokenUseTable;
  grace_period: GracePeriodTable;
  session: SessionTable;
  session_use: SessionUseTable;
  audit_event: AuditEventTable;
  request: RequestTable;
  team: TeamTable;
  team_role: TeamRoleTable;
  team_member: TeamMemberTable;
  service_account: ServiceAccountTable;
  identity: IdentityTable;
  guest: GuestTable;
  otp: OtpTable;
  invite: InviteTable;
  team_rights: TeamRightsView;
  member_rights: MemberRightsView;
  user_opening: UserOpeningView;
  credential: CredentialView;
}

/** Label keys and values. */
export type Labels = Record<string, string>;

export type ProfileType = "user" | "service_account" | "api_key" | "system";
export type BuiltinRole = "owner" | "admin" | "developer" | "viewer";
export type ApiKeyKind = "application" | "service" | "developer";
export type Environment = "test" | "live";
export type WorkspaceScope = "selected" | "all";

interface CredentialView {
  id: string;
  kind: ApiKeyKind | "session" | "outside";
  system: boolean;
  environment: Environment | null;
  expires_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
  user_id: string | null;
  last_used_at: Date | null;
  tokens: { id: string | null; hash: string; ends_at: number | null }[];
  openings: OpeningJson[];
}

/** What a credential opens in one account, as the view tells it. `workspaces`: id -> whether it is live. */
export interface OpeningJson {
  account_id: string;
  platform: boolean;
  suspended: boolean;
  entitlements: string[];
  profile: { id: string; type: ProfileType; name: string; email: string };
  owner: boolean;
  permissions: string[];
  /** What the owner of a service or developer key may do now. Null: nothing narrows `permissions`. */
  owner_permissions: string[] | null;
  workspace_scope: WorkspaceScope;
  workspaces: Record<string, boolean>;
  /** For an outside identity: what it is in the account. */
  standing?: "member" | "guest" | "removed";
  /** For an outside identity: the roles of the account, of which its tokens may claim some. */
  roles?: RoleJson[];
}

/** A role as the view tells it. */
export interface RoleJson {
  id: string;
  name_key: string;
  builtin: BuiltinRole | null;
  permissions: string[];
  all_workspaces: boolean;
}
