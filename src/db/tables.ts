import type { ColumnType, Generated } from "kysely";
import type { AccountAccessJson, BuiltinRole, Labels, ProfileType, StoredRateLimit } from "./values.ts";

/** The tables and the helper views, column by column. `timestamptz` is read as Date, `bigint` as string. */
export interface AccountTable {
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
  deleted_at: Date | null;
  delete_at: Date | null;
  version: Generated<number>;
  /** Written as JSON. */
  rate_limits: ColumnType<StoredRateLimit[], string | undefined, string>;
}

export interface UserTable {
  id: string;
  /** Null for a user with an external identity only, and for an erased user. */
  email: string | null;
  name: string;
  password_hash: string | null;
  email_proven_at: Date | null;
  created_at: Generated<Date>;
  deleted_at: Date | null;
}

export interface ProfileTable {
  id: string;
  account_id: string;
  type: ProfileType;
  name: string;
  email: Generated<string>;
  /** The user of the profile, for a person. */
  user_id: string | null;
  created_at: Generated<Date>;
  removed_at: Date | null;
}

export interface RoleTable {
  id: string;
  account_id: string;
  name: string;
  builtin: BuiltinRole | null;
  permissions: string[];
  all_workspaces: Generated<boolean>;
  created_at: Generated<Date>;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  name_key: string;
  created_by: string;
  version: Generated<number>;
}

export interface TeamTable {
  id: string;
  account_id: string;
  name: string;
  name_key: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  created_by: string;
  created_at: Generated<Date>;
  version: Generated<number>;
}

export interface TeamRoleTable {
  account_id: string;
  team_id: string;
  role_id: string;
}

export interface TeamMemberTable {
  account_id: string;
  team_id: string;
  profile_id: string;
  created_by: string;
  created_at: Generated<Date>;
}

export interface ServiceAccountTable {
  id: string;
  account_id: string;
  profile_id: string;
  team_id: string;
  name: string;
  name_key: string;
  description: Generated<string>;
  external_id: Generated<string>;
  labels: Generated<Labels>;
  created_by: string;
  created_at: Generated<Date>;
  version: Generated<number>;
}

export interface IdentityTable {
  /** A digest of the issuer and the subject. */
  id: string;
  issuer: string;
  subject: string;
  user_id: string;
  created_at: Generated<Date>;
}

export interface GuestTable {
  account_id: string;
  identity_id: string;
  profile_id: string;
  created_at: Generated<Date>;
}

export interface OtpTable {
  id: string;
  user_id: string;
  purpose: "reset_password" | "prove_email";
  email: string;
  hash: Buffer;
  created_at: Generated<Date>;
  expires_at: Date;
  used_at: Date | null;
  made_by_session: string | null;
}

export interface InviteTable {
  id: string;
  account_id: string;
  email: string;
  role_id: string | null;
  workspace_ids: Generated<string[]>;
  hash: Buffer;
  mailed: boolean;
  created_by: string;
  created_at: Generated<Date>;
  expires_at: Date;
  accepted_at: Date | null;
  /** The profile that the acceptance created. */
  accepted_by: string | null;
  revoked_at: Date | null;
  /** The permission that its platform key needs, if it invites the first owner of an account. */
  maker_permission: string | null;
  /** The credential that created the invite. At most one of these is set. */
  made_by_key: string | null;
  made_by_session: string | null;
  made_by_identity: string | null;
}

export interface TeamRightsView {
  account_id: string;
  team_id: string;
  permissions: string[];
}

export interface MemberRightsView {
  account_id: string;
  user_id: string;
  profile_id: string;
  permissions: string[];
  all_workspaces: boolean;
  owner: boolean;
}

export interface UserAccessView {
  user_id: string;
  account_id: string;
  opening: AccountAccessJson;
}

export interface MembershipTable {
  account_id: string;
  user_id: string;
  profile_id: string;
  role_id: string;
  created_at: Generated<Date>;
}

export interface WorkspaceTable {
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
  /** The platform key that created it for a tenant. */
  platform_key_id: string | null;
}

export interface WorkspaceGrantTable {
  account_id: string;
  workspace_id: string;
  profile_id: string;
  created_by: string;
  created_at: Generated<Date>;
}

export interface AuditEventTable {
  id: string;
  account_id: string;
  created_at: Generated<Date>;
  profile_id: string;
  key_id: Generated<string>;
  method: string;
  /** `failed` is for log-ins only. */
  outcome: "done" | "refused" | "failed";
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

export interface RequestTable {
  caller_id: string;
  method: string;
  request_id: string;
  resource_id: string;
  created_at: Generated<Date>;
}
