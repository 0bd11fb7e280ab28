import type { ComponentType } from "react";
import { accountPages } from "./account-pages.ts";
import type { IconName } from "./ui/icon.tsx";

/** A page of the console. Add one line to `pages` for each. */
export interface Page {
  /** The path below `/console`. A part such as `:id` matches one segment. */
  path: string;
  title: string;
  /** Whom the page is for. Without it: members of an account. */
  audience?: "public" | "user" | "platform";
  /** The permission without which the page is not offered. */
  needs?: string;
  /** The place of the page in the menu. A page without it is reached by links. */
  nav?: { group: NavGroup; icon: IconName };
  /** The RPCs that the page calls, for docs/surface.md. */
  rpcs: readonly string[];
  load(): Promise<ComponentType>;
}

/** The groups of the menu, in their order. */
export const navGroups = ["Access", "People", "Account", "You", "Platform"] as const;
/** A group of the menu. */
export type NavGroup = (typeof navGroups)[number];

/** The pages of the console, in the order of the menu. */
export const pages: readonly Page[] = [
  {
    path: "/sign-up",
    title: "Create your account",
    audience: "public",
    rpcs: ["SessionService.SignUp"],
    load: () => import("./pages/entry/sign-up-page.tsx").then((file) => file.SignUpPage),
  },
  {
    path: "/log-in",
    title: "Log in",
    audience: "public",
    rpcs: ["SessionService.LogIn"],
    load: () => import("./pages/entry/log-in-page.tsx").then((file) => file.LogInPage),
  },
  {
    path: "/accept-invite",
    title: "Accept an invite",
    audience: "public",
    rpcs: ["InviteService.AcceptInvite"],
    load: () => import("./pages/entry/accept-invite-page.tsx").then((file) => file.AcceptInvitePage),
  },
  {
    path: "/reset-password",
    title: "Reset your password",
    audience: "public",
    rpcs: ["SessionService.RequestPasswordReset", "SessionService.ResetPassword"],
    load: () => import("./pages/entry/reset-password-page.tsx").then((file) => file.ResetPasswordPage),
  },
  {
    path: "/keys",
    title: "API keys",
    nav: { group: "Access", icon: "key" },
    rpcs: [
      "ApiKeyService.ListApiKeys",
      "ApiKeyService.GetApiKey",
      "ApiKeyService.CreateApiKey",
      "ApiKeyService.UpdateApiKey",
      "ApiKeyService.RotateApiKey",
      "ApiKeyService.DisableApiKey",
      "ApiKeyService.EnableApiKey",
      "ApiKeyService.RevokeApiKey",
      "ApiKeyService.RevokeApiKeys",
      "ApiKeyService.ListApiKeyWorkspaces",
      "ApiKeyService.AddApiKeyWorkspace",
      "ApiKeyService.RemoveApiKeyWorkspace",
      "RoleService.ListPermissions",
      "TokenService.VerifyToken",
      "UsageService.GetUsage",
      "WorkspaceService.ListWorkspaces",
    ],
    load: () => import("./pages/keys/keys-page.tsx").then((file) => file.KeysPage),
  },
  ...accountPages,
  {
    path: "/sessions",
    title: "Sessions",
    audience: "user",
    nav: { group: "You", icon: "device" },
    rpcs: ["SessionService.ListSessions", "SessionService.RevokeSession", "SessionService.LogOut"],
    load: () => import("./pages/sessions/sessions-page.tsx").then((file) => file.SessionsPage),
  },
  {
    path: "/password",
    title: "Password and e-mail",
    audience: "user",
    nav: { group: "You", icon: "lock" },
    rpcs: [
      "SessionService.ChangePassword",
      "SessionService.ChangeEmail",
      "SessionService.ProveEmail",
      "SessionService.DeleteUser",
    ],
    load: () => import("./pages/password/password-page.tsx").then((file) => file.PasswordPage),
  },
  {
    path: "/platform",
    title: "Administer the platform",
    audience: "public",
    rpcs: ["ProfileService.WhoAmI"],
    load: () => import("./pages/platform/platform-key-page.tsx").then((file) => file.PlatformKeyPage),
  },
  {
    path: "/platform/accounts",
    title: "Accounts",
    audience: "platform",
    needs: "accounts:read",
    nav: { group: "Platform", icon: "platform" },
    rpcs: [
      "AccountService.SearchAccounts",
      "AccountService.OpenAccount",
      "AccountService.InviteFirstOwner",
      "AccountService.SetEntitlements",
      "AccountService.SuspendAccount",
      "AccountService.ResumeAccount",
    ],
    load: () => import("./pages/platform/accounts-page.tsx").then((file) => file.AccountsPage),
  },
];
