import { expect, test } from "vitest";
import { ruleOf } from "../../src/rpc/middleware/access.ts";
import { methods, nameOf } from "../support/schema/requests.ts";

const resources: Record<string, string> = {
  ApiKeyService: "api_keys",
  AccountService: "account",
  WorkspaceAdminService: "workspaces",
  ProfileService: "profiles",
  AuditService: "audit",
  InviteService: "invites",
  TeamService: "teams",
  RoleService: "roles",
  ServiceAccountService: "service_accounts",
  UsageService: "usage",
};

// The actions of docs/permissions.md.
const verbs: [action: RegExp, verb: string][] = [
  [/^(Get|List|Search)/, "read"],
  [/^(Create|Update|Add|Rotate|Open)/, "write"],
  [/^(Revoke|Disable|Enable|Remove|Delete|Archive|Set|Suspend|Resume)/, "manage"],
];

// The RPCs whose permission does not follow from their names.
const others: Record<string, string> = {
  // Each changes what all holders may do.
  "TeamService/UpdateTeam": "teams:manage",
  "RoleService/UpdateRole": "roles:manage",
  // They change the system key.
  "AccountService/GetGlobalApiKey": "api_keys:read",
  "AccountService/RotateGlobalApiKey": "api_keys:write",
  "AccountService/DisableGlobalApiKey": "api_keys:manage",
  "AccountService/EnableGlobalApiKey": "api_keys:manage",
  // They are for the platform.
  "AccountService/InviteFirstOwner": "accounts:manage",
  "AccountService/SetEntitlements": "accounts:write",
  "AccountService/AddCredits": "accounts:manage",
  // They are for services that verify tokens.
  "TokenService/VerifyToken": "tokens:verify",
  "TokenService/BatchVerifyTokens": "tokens:verify",
  "UsageService/ReportUsage": "tokens:verify",
};

const withPermission = methods.flatMap((method) => {
  const rule = ruleOf(method);
  return rule.case === "permission" || rule.case === "platformPermission"
    ? [[nameOf(method), rule] as const]
    : [];
});

test.each(withPermission)("%s needs the permission that docs/permissions.md says", (name, rule) => {
  const [service = "", rpc = ""] = name.split("/");
  const verb = verbs.find(([action]) => action.test(rpc))?.[1];
  const resource = rule.case === "platformPermission" ? "accounts" : resources[service];
  const help =
    "correct the rule of the RPC in the schema. If it is right, and a person has reviewed it, add the RPC to `others`";
  const newVerb = "the verb is new: add it to docs/permissions.md, and to `verbs` in this test";
  if (!(name in others)) expect(verb, newVerb).toBeDefined();
  expect(rule.value, help).toBe(others[name] ?? `${resource}:${verb}`);
});

test("no exception is for an RPC that does not exist", () => {
  const names = withPermission.map(([name]) => name);
  expect(Object.keys(others).filter((name) => !names.includes(name))).toEqual([]);
});
