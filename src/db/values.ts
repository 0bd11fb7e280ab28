/** Label keys and values. */
export type Labels = Record<string, string>;

export type ProfileType = "user" | "service_account" | "api_key" | "system";
export type BuiltinRole = "owner" | "admin" | "developer" | "viewer";
export type ApiKeyKind = "application" | "service" | "developer";
export type Environment = "test" | "live";
export type WorkspaceScope = "selected" | "all";

/** What a credential opens in one account, as the view tells it. `workspaces`: id -> whether it is live. */
export interface AccountAccessJson {
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

/** An account of a user as the view tells it, without what they may do there. */
export interface AccountJson extends Pick<AccountAccessJson, "account_id" | "standing"> {
  /** For an external identity. */
  platform?: boolean;
  /** For an external identity that is a guest there: the roles that its tokens may claim. */
  roles?: Pick<RoleJson, "id" | "name_key" | "builtin">[] | null;
}

/** A role as the view tells it. */
export interface RoleJson {
  id: string;
  name_key: string;
  builtin: BuiltinRole | null;
  permissions: string[];
  all_workspaces: boolean;
}
