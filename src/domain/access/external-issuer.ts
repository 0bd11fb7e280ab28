import type { RoleJson } from "../../db/schema.ts";
import { nameKey } from "../kernel/text.ts";

/** The accounts that a token of an outside issuer speaks for. */
export interface Scope {
  accounts: "*" | readonly string[];
  /** Whether the platform account may be among them: only where the settings name it, never by `*`. */
  platform: boolean;
}

/** Somebody as an outside issuer knows them. */
export interface Identity {
  /** By which the identity is found: a digest of issuer and subject. */
  id: string;
  issuer: string;
  subject: string;
  /** What to call the person where no name is known yet. */
  name: string;
}

/** What a token claims: roles, by name or id, for one request and up to a role of the account. */
export interface ClaimedRoles {
  roles: readonly string[];
  maxRole: string;
}

/** An issuer whose tokens may claim roles, in which accounts, and by its name or id the role that gives the most. */
export interface ClaimingIssuer {
  issuer: string;
  scope: Scope;
  maxRole: string;
}

/** The issuers whose tokens may claim roles. Who they vouch for counts with all that they may claim. */
export interface Claiming {
  claimingIssuers: readonly ClaimingIssuer[];
}

/** Somebody with a good token of an outside issuer, whom we have yet to meet: at all, or in an account. */
export interface NewUser {
  identity: Identity;
  scope: Scope;
  /** Where they need a profile; empty: nowhere. */
  accountId: string;
  claimed: ClaimedRoles;
}

/** Whether a token speaks for an account. */
export function speaksFor(scope: Scope, account: { id: string; platform: boolean }): boolean {
  return mayNameAccount(scope, account.id) && (!account.platform || scope.platform);
}

/** Whether a token may name an account: all that can be said before the account is looked up. */
export function mayNameAccount({ accounts }: Scope, accountId: string): boolean {
  return accounts === "*" || accounts.includes(accountId);
}

/** What a role is found by. */
export type NamedRole = Pick<RoleJson, "id" | "name_key" | "builtin">;

/** The roles of an account that a token's claim is good for. */
export interface CountingRoles<R> {
  roles: R[];
  /** They give no more than this one does. */
  most: R;
}

/**
 * Finds what a claim is good for: by the result, in an account that has these roles. Never the rank of an owner.
 * Undefined: nothing.
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

/** What the roles are found by that an issuer's claims give at most: an id, or the form of a name in which it is compared. */
export function mostReferences(issuers: readonly ClaimingIssuer[]): { ids: string[]; nameKeys: string[] } {
  const references = issuers.map(({ maxRole }) => referenceOf(maxRole));
  return { ids: references.map(({ id }) => id), nameKeys: references.map(({ nameKey }) => nameKey) };
}

/**
 * Finds the role that an issuer's claims give at most, among those of an account. All roles may be claimed, `owner`
 * too, so that all claims together give just this one. Undefined: they give nothing.
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

// Somebody may have named a role like another's id: the id is meant.
function findRole<R extends NamedRole>(roles: readonly R[], { id, nameKey }: RoleReference): R | undefined {
  return roles.find((role) => role.id === id) ?? roles.find((role) => role.name_key === nameKey);
}
