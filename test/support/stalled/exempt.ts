import type { DescMethod } from "@bufbuild/protobuf";
import { optionalUser, type Rule, ruleOf } from "../../../src/rpc/middleware/access.ts";
import { actingCallOf } from "../../../src/rpc/middleware/acting.ts";
import { nameOf } from "../schema/requests.ts";

/** The ways in which a bearer loses its authority. */
export const losses = [
  "key revoked",
  "key disabled",
  "key rotated",
  "member removed",
  "member demoted",
  "account suspended",
  "logged out",
  "platform key revoked",
  "platform key narrowed",
  "tenant suspended",
] as const;

/** A way in which a bearer loses its authority. */
export type Loss = (typeof losses)[number];

/** The reason with which the auth interceptor rejects a bearer after each loss. */
export const reasons: Record<Loss, string> = {
  "key revoked": "REVOKED_API_KEY",
  "key disabled": "DISABLED_API_KEY",
  "key rotated": "REVOKED_API_KEY",
  "member removed": "ACCOUNT_MISMATCH",
  "member demoted": "PERMISSION_DENIED",
  "account suspended": "ACCOUNT_SUSPENDED",
  "logged out": "REVOKED_SESSION",
  "platform key revoked": "REVOKED_API_KEY",
  "platform key narrowed": "ACCOUNT_MISMATCH",
  "tenant suspended": "ACCOUNT_SUSPENDED",
};

/** The losses of a platform key that acts for the account. */
export const actingLosses: Loss[] = ["platform key revoked", "platform key narrowed", "tenant suspended"];
const keyLosses: Loss[] = ["key revoked", "key disabled", "key rotated", ...actingLosses];
const each = (ways: readonly Loss[], reason: string) =>
  Object.fromEntries(ways.map((loss) => [loss, reason])) as Partial<Record<Loss, string>>;

// The reviewed list of the cases that do not apply to RPCs with a rule, and why.
const byRule: Record<NonNullable<Rule["case"]>, Partial<Record<Loss, string>>> = {
  public: each(losses, "Makes no difference between bearers."),
  user: {
    ...each(keyLosses, "A key cannot make the call."),
    ...each(["member removed", "member demoted", "account suspended"], "The call resolves no account."),
  },
  principal: each(["member demoted"], "Any member may make the call, whatever their role."),
  permission: {},
  platformPermission: {
    ...each(["member removed", "member demoted", "logged out"], "Only a key can make the call."),
    ...each(["account suspended"], "The platform account cannot be suspended."),
    ...each(actingLosses, "A platform key that acts has no platform permission."),
  },
};

// The same for single RPCs.
const byName: Record<string, Partial<Record<Loss, string>>> = {
  "AccountService/DeleteAccount": each(keyLosses, "Only an owner's session can make the call."),
  ...Object.fromEntries(
    ["Rotate", "Disable", "Enable"].map((verb) => [
      `AccountService/${verb}GlobalApiKey`,
      each(keyLosses, "Of the keys, only the system key itself can make the call."),
    ]),
  ),
  "SessionService/CreateEmbedSession": each(
    losses.filter((loss) => !actingLosses.includes(loss)),
    "Only a platform key that acts for the account can make the call.",
  ),
  "ApiKeyService/ListApiKeys": each(
    ["member demoted"],
    "Without the permission, a person lists their own developer keys.",
  ),
};

const optionalUsers = each(
  losses.filter((loss) => loss !== "logged out"),
  "Its bearer, if any, is a session, and the call resolves no account.",
);

/** Returns why a case does not apply, or undefined if it does. */
export function exemption(method: DescMethod, loss: Loss): string | undefined {
  const rule = ruleOf(method).case;
  if (rule === undefined) return "The method is closed.";
  if (loss === "tenant suspended" && actingCallOf(method).whileSuspended) {
    return "In a suspended account, a platform key still reads, revokes, disables and clears the external id.";
  }
  if (rule === "public" && optionalUser(method)) return optionalUsers[loss];
  return byName[nameOf(method)]?.[loss] ?? byRule[rule][loss];
}

/** The RPCs that the list names. */
export const namedRpcs = Object.keys(byName);
