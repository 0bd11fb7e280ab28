import type { RoleJson } from "../../db/schema.ts";
import { nameKey } from "../kernel/text.ts";

/** The accounts in which the tokens of an external issuer are valid. */
export interface Scope {
  accounts: "*" | readonly string[];
  /** Whether these may include the platform account. Only if the settings name it. The value `*` does not include it. */
  platform: boolean;
}

/** A person as an external issuer identifies them. */
export interface Identity {
  /** The lookup key of the identity: a digest of issuer and subject. */
  id: string;
  issuer: string;
  subject: string;
  /** The name for the person if the server knows none yet. */
  name: string;
}

/** The roles that a token claims for one request, by name or id, and the role of the account that limits them. */
export interface ClaimedRoles {
  roles: readonly string[];
  maxRole: string;
}

/**
 * An issuer whose tokens may claim roles, the accounts where they may, and the name or id of the role that limits the
 * claims.
 */
export interface ClaimingIssuer {
  issuer: string;
  scope: Scope;
  maxRole: string;
}

/**
 * The issuers whose tokens may claim roles. Every person of such an issuer counts with all roles that a token may
 * claim.
 */
export interface Claiming {
  claimingIssuers: readonly ClaimingIssuer[];
}

/** A person with a valid token of an external issuer who has no user yet, or no profile in the account. */
export interface NewUser {
  identity: Identity;
  scope: Scope;
  /** The account in which the person needs a profile. Empty if there is none. */
  accountId: string;
  claimed: ClaimedRoles;
}

/** Returns whether a token is valid in an account. */
export function speaksFor(scope: Scope, account: { id: string; platform: boolean }): boolean {
  return mayNameAccount(scope, account.id) && (!account.platform || scope.platform);
}

/** Returns whether a token may name an account. The server can check only this before it has looked up the account. */
export function mayNameAccount({ accounts }: Scope, accountId: string): boolean {
  return accounts === "*" || accounts.includes(accountId);
}

/** The fields by which a role is found. */
export type NamedRole = Pick<RoleJson, "id" | "name_key" | "builtin">;

/** The roles of an account that a token's claim results in. */
export interface CountingRoles<R> {
  roles: R[];
  /** The role that limits them. */
  most: R;
}

/**
 * Returns a function that finds the claimed roles among the roles of an account. It never grants the rank of an owner.
 * It returns undefined if the claim gives nothing.
 */
export function claimedRoles({
  roles: claimed,
  maxRole,
}: ClaimedRoles): <R extends NamedRole>(roles: readonly R[]) => CountingRoles<R> | undefined {
  const wanted = claimed.map(referenceOf);
  const highest = referenceOf(maxRole);
  return (roles) => {
    const most = findRole(roles, highest);
    if (!most || most.builtin === "owner") return undefined;
    const found = wanted.flatMap((reference) => findRole(roles, reference) ?? []);
    return found.length > 0 ? { roles: [...new Set(found)], most } : undefined;
  };
}

/**
 * Returns the references of the roles that limit the claims of some issuers: an id, or the form of a name in which
 * names are compared.
 */
export function mostReferences(issuers: readonly ClaimingIssuer[]): { ids: string[]; nameKeys: string[] } {
  const references = issuers.map(({ maxRole }) => referenceOf(maxRole));
  return { ids: references.map(({ id }) => id), nameKeys: references.map(({ nameKey }) => nameKey) };
}

/**
 * Finds the role that limits the claims of an issuer, among the roles of an account. A token may claim every role, even
 * `owner`, so all claims together give exactly this role. Undefined if the claims give nothing.
 */
export function mostOf<R extends NamedRole>({ maxRole }: ClaimingIssuer, roles: readonly R[]): R | undefined {
  const most = findRole(roles, referenceOf(maxRole));
  return most?.builtin === "owner" ? undefined : most;
}

interface RoleReference {
  id: string;
  nameKey: string;
}

function referenceOf(text: string): RoleReference {
  return { id: text, nameKey: nameKey(text) };
}

// The name of a role may equal the id of another role. Then the id wins.
function findRole<R extends NamedRole>(roles: readonly R[], { id, nameKey }: RoleReference): R | undefined {
  return roles.find((role) => role.id === id) ?? roles.find((role) => role.name_key === nameKey);
}
