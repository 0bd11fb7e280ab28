/** Label keys and values. */
export type Labels = Record<string, string>;

export type ProfileType = "user" | "service_account" | "api_key" | "system";
export type BuiltinRole = "owner" | "admin" | "developer" | "viewer";
export type ApiKeyKind = "application" | "service" | "developer";
export type Environment = "test" | "live";
export type WorkspaceScope = "selected" | "all";

/** The access of a credential to one account, as the view returns it. `workspaces` maps each id to whether the workspace is live. */
export interface AccountAccessJson {
  account_id: string;
  /** The external id of the account. Empty if it has none. */
  external_id: string;
  platform: boolean;
  suspended: boolean;
  entitlements: string[];
  profile: { id: string; type: ProfileType; name: string; email: string };
  owner: boolean;
  permissions: string[];
  /** The current permissions of the owner of a service or developer key. Null: nothing narrows `permissions`. */
  owner_permissions: string[] | null;
  workspace_scope: WorkspaceScope;
  workspaces: Record<string, boolean>;
  /** For a key: its limits and credits. Null if there are none. */
  limits?: KeyLimitsJson | null;
  /** For an external identity: its status in the account. */
  standing?: "member" | "guest" | "removed";
  /** For an external identity: the roles of the account, some of which its tokens may claim. */
  roles?: RoleJson[];
}

/** An account for which a platform key may act, as the view `tenant` returns it. */
export interface TenantJson {
  id: string;
  external_id: string;
  /** The platform account is not a tenant, so no key acts for it. */
  platform: boolean;
  /** Whether the account is suspended or deleted. */
  suspended: boolean;
  entitlements: string[];
  /** The system profile. */
  profile: AccountAccessJson["profile"];
}

/** What narrows the key of an embed session, as the view returns it. */
export interface EmbedJson {
  key_id: string;
  /** The account for which the key made the session. */
  account_id: string;
  /** In milliseconds since 1970. */
  ends_at: number;
  permissions: string[];
  /** Maps the id of each workspace of the session to whether it is live. */
  workspaces: Record<string, boolean>;
}

/** An account of a user as the view returns it, without the permissions of the user there. */
export interface AccountJson extends Pick<AccountAccessJson, "account_id" | "standing"> {
  /** For an external identity. */
  platform?: boolean;
  /** For an external identity that is a guest there: the roles that its tokens may claim. */
  roles?: Pick<RoleJson, "id" | "name_key" | "builtin">[] | null;
}

/** A role as the view returns it. */
export interface RoleJson {
  id: string;
  name_key: string;
  builtin: BuiltinRole | null;
  permissions: string[];
  all_workspaces: boolean;
}

/** A rate limit of a key or an account, as it is stored. */
export interface StoredRateLimit {
  name: string;
  limit: number;
  period_ms: number;
  /** What one verification takes if the request names no cost. */
  cost: number;
}

/** The limits of a key, as the view returns them. */
export interface KeyLimitsJson {
  /** The other key on whose counters this key draws. */
  draws_on: string | null;
  /** The limits of the key itself, or of the one that it draws on. */
  key: StoredRateLimit[];
  /** The limits of the account. */
  account: StoredRateLimit[];
  /** The ids of its records of credits: that of the key first, then that of the account. */
  credits: string[];
}
