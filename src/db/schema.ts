import type {
  ApiKeyTable,
  ApiKeyTokenTable,
  ApiKeyTokenUseTable,
  CreditTable,
  EmbedSessionTable,
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
  UserAccessView,
  UserTable,
  WorkspaceGrantTable,
  WorkspaceTable,
} from "./tables.ts";
import type {
  AccountAccessJson,
  AccountJson,
  ApiKeyKind,
  EmbedJson,
  Environment,
  Labels,
  TenantJson,
} from "./values.ts";

export type * from "./values.ts";

/** The tables and views of the database. `timestamptz` is read as Date, `bigint` as string. */
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
  credit: CreditTable;
  session: SessionTable;
  session_use: SessionUseTable;
  embed_session: EmbedSessionTable;
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
  tenant: { id: string; tenant: TenantJson };
  team_rights: TeamRightsView;
  member_rights: MemberRightsView;
  user_opening: UserAccessView;
  bearer: BearerView;
}

interface BearerView {
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
  /** The accounts of a user. Null for a key, which has the one of its `openings`. */
  accounts: AccountJson[] | null;
  /** What a key may do in its account. Empty for a user: `bearer_access` has what they may do in each of theirs. */
  openings: AccountAccessJson[];
  /** Of a key. Null for every other bearer. */
  name: string | null;
  external_id: string | null;
  labels: Labels | null;
  /** Of an embed session: its key, its account and what narrows it. Everything else is that of the key. */
  embed: EmbedJson | null;
}
