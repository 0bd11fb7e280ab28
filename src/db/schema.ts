import type { Generated } from "kysely";

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
  session: SessionTable;
  session_use: SessionUseTable;
  audit_event: AuditEventTable;
  request: RequestTable;
  credential: CredentialView;
}

/** Label keys and values. */
export type Labels = Record<string, string>;

export type ProfileType = "user" | "service_account" | "api_key" | "system";
export type BuiltinRole = "owner" | "admin" | "developer" | "viewer";
export type ApiKeyKind = "application" | "service" | "developer";
export type Environment = "test" | "live";
export type WorkspaceScope = "selected" | "all";

interface AccountTable {
  id: string;
  name: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  entitlements: Generated<string[]>;
  platform: Generated<boolean>;
  created_by: string;
  created_at: Generated<Date>;
  suspended_at: Date | null;
  version: Generated<number>;
}

interface UserTable {
  id: string;
  email: string;
  name: string;
  password_hash: string;
  created_at: Generated<Date>;
}

interface ProfileTable {
  id: string;
  account_id: string;
  type: ProfileType;
  name: string;
  email: Generated<string>;
  created_at: Generated<Date>;
  removed_at: Date | null;
}

interface RoleTable {
  id: string;
  account_id: string;
  name: string;
  builtin: BuiltinRole | null;
  permissions: string[];
  all_workspaces: Generated<boolean>;
  created_at: Generated<Date>;
}

interface MembershipTable {
  account_id: string;
  user_id: string;
  profile_id: string;
  role_id: string;
  created_at: Generated<Date>;
}

interface WorkspaceTable {
  id: string;
  account_id: string;
  name: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  created_by: string;
  created_at: Generated<Date>;
  archived_at: Date | null;
  version: Generated<number>;
}

interface WorkspaceGrantTable {
  account_id: string;
  workspace_id: string;
  profile_id: string;
  created_by: string;
  created_at: Generated<Date>;
}

interface ApiKeyTable {
  id: string;
  account_id: string;
  profile_id: string;
  owner_profile_id: string | null;
  name: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  kind: ApiKeyKind;
  system: Generated<boolean>;
  environment: Environment | null;
  workspace_scope: WorkspaceScope;
  permissions: string[];
  created_by: string;
  created_at: Generated<Date>;
  expires_at: Date | null;
  disabled_at: Date | null;
  revoked_at: Date | null;
  changed_at: Generated<Date>;
  version: Generated<number>;
}

interface ApiKeyTokenTable {
  id: Generated<string>;
  account_id: string;
  api_key_id: string;
  hash: Buffer;
  hint: string;
  created_at: Generated<Date>;
  ends_at: Date | null;
}

interface ApiKeyTokenUseTable {
  token_id: string;
  last_used_at: Date;
}

interface SessionTable {
  id: string;
  user_id: string;
  hash: Buffer;
  created_at: Generated<Date>;
  expires_at: Date;
  ended_at: Date | null;
}

interface SessionUseTable {
  session_id: string;
  last_used_at: Date;
}

interface AuditEventTable {
  id: string;
  account_id: string;
  created_at: Generated<Date>;
  profile_id: string;
  key_id: Generated<string>;
  method: string;
  outcome: "done" | "refused";
  reason: Generated<string>;
  resource_type: Generated<string>;
  resource_id: Generated<string>;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  request_id: string;
  client_address: string;
  count: Generated<number>;
  via: Generated<string>;
  minute: Date | null;
}

interface RequestTable {
  caller_id: string;
  method: string;
  request_id: string;
  resource_id: string;
  created_at: Generated<Date>;
}

interface CredentialView {
  id: string;
  kind: ApiKeyKind | "session";
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
  workspace_scope: WorkspaceScope;
  workspaces: Record<string, boolean>;
}
