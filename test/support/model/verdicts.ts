import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Principal } from "../../../gen/latchkey/v1/principal_pb.ts";
import type { VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict, VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import type { GuardVerdict } from "../../../src/guard/types.ts";
import { type Key, keyRights, personRights, type Rights, type World, write } from "./model.ts";

const none: Rights = { permissions: new Set(), all: false, workspaces: new Set() };

/** The requirements of a request. */
export interface VerifyRequest {
  dryRun: boolean;
  workspaceId: string;
  requiredPermissions: string[];
}

/** A token of the model, and what its holder may do. */
export interface Credential {
  /** The id of the key, or of the person's profile. A person who leaves and joins again gets a new profile. */
  name: string;
  token: string;
  /** Whether the token has ended for good. */
  over: boolean;
  /** The verdicts that the token gets for every request. Empty if the token is live. */
  dead: string[];
  rights: Rights;
  profileId: string;
  keyId: string;
}

/** Returns every token that was ever minted. */
export function credentials({ people, keys }: World): Credential[] {
  const sessions = people.map((person) => ({
    name: person.profileId,
    over: false,
    token: person.user.token,
    dead: person.role ? [] : ["ACCOUNT_MISMATCH"],
    rights: personRights(person),
    profileId: person.profileId,
    keyId: "",
  }));
  const tokens = keys.flatMap((key) =>
    key.tokens.map(({ token, state }) => ({
      name: key.id,
      over: key.revoked || state === "ended",
      token,
      dead: deadBy(key, state),
      rights: key.revoked ? none : keyRights(key),
      profileId: key.profileId,
      keyId: key.id,
    })),
  );
  return [...sessions, ...tokens];
}

function deadBy({ revoked, disabled }: Key, state: Key["tokens"][number]["state"]): string[] {
  return [...(revoked || state === "ended" ? ["REVOKED"] : []), ...(disabled ? ["DISABLED"] : [])];
}

/** Returns the verdict of the model. */
export function expected(
  { dead, rights, profileId, keyId }: Credential,
  { dryRun, workspaceId, requiredPermissions }: VerifyRequest,
) {
  const failed = [...dead];
  if (workspaceId && !rights.all && !rights.workspaces.has(workspaceId)) failed.push("WORKSPACE_FORBIDDEN");
  if (!requiredPermissions.every((one) => rights.permissions.has(one))) failed.push("PERMISSION_DENIED");
  const [verdict = "VALID"] = failed;
  const { all } = rights;
  const principal = {
    profileId,
    keyId,
    permissions: write(rights.permissions),
    scope: all ? WorkspaceScope.ALL : WorkspaceScope.SELECTED,
    workspaceIds: all ? [] : [...rights.workspaces].sort(),
  };
  // The model does not track further failures of a token that has ended for good.
  const over = ["REVOKED", "ACCOUNT_MISMATCH"].includes(verdict);
  return {
    verdict,
    failed: dryRun && !over ? failed : [],
    principal: verdict === "VALID" ? principal : undefined,
  };
}

/** Returns the verdict of the service in the form that the model has. */
export function verdictOf({ verdict, failedRules, principal }: VerifyTokenResponse) {
  const over = verdict === Verdict.REVOKED || verdict === Verdict.ACCOUNT_MISMATCH;
  return {
    verdict: nameOf(verdict),
    failed: over ? [] : failedRules.map((rule) => nameOf(rule.verdict)),
    principal: shapeOf(principal),
  };
}

/** Returns the verdict of a guard in the same form. */
export function guardVerdictOf({ reason, principal }: GuardVerdict) {
  return { verdict: reason.replace(/_API_KEY$|_SESSION$/, ""), failed: [], principal: shapeOf(principal) };
}

function shapeOf(principal: Principal | undefined) {
  return (
    principal && {
      profileId: principal.profile?.metadata?.id,
      keyId: principal.keyId,
      permissions: principal.permissions,
      scope: principal.workspaceScope,
      workspaceIds: [...principal.workspaceIds].sort(),
    }
  );
}

function nameOf(verdict: Verdict): string {
  return VerdictSchema.value[verdict]?.localName ?? "";
}
