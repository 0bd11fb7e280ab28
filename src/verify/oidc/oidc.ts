import { createHash } from "node:crypto";
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import {
  type ClaimedRoles,
  type ClaimingIssuer,
  type Identity,
  mayNameAccount,
  type Scope,
} from "../../domain/access/external-issuer.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { isAccessToken, mayBeAccessToken } from "./access-token.ts";
import { createIssuerKeys, type IssuerKeysDeps } from "./issuer-keys.ts";

/** An external issuer, as configured. The server accepts its access tokens. */
export interface OidcIssuer {
  issuer: string;
  audience: string;
  algorithms: string[];
  accounts: "*" | string[];
  accountClaim: string | undefined;
  roleClaim: string | undefined;
  maxRole: string;
}

/** A token of an external issuer. Its signature, issuer, audience and form are valid. It may have expired. */
export interface ExternalToken {
  identity: Identity;
  scope: Scope;
  /** The account that the token names, or empty if it names none. */
  accountId: string;
  claimed: ClaimedRoles;
  endsAt: Date;
}

/** Recognises and verifies tokens of external issuers. */
export interface OidcVerifier {
  /**
   * Returns undefined if the text is not an access token of a known issuer. Fails with `UNAVAILABLE` if the issuer's keys
   * cannot be fetched.
   */
  verify(token: string): Promise<ExternalToken | undefined>;
}

/** Asymmetric signature algorithms (RFC 7518, RFC 8037, RFC 9864): the key that verifies a signature cannot make one. */
export const asymmetricAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;
export const defaultAlgorithms = ["RS256", "PS256", "ES256", "EdDSA"] as const;

/** The accepted difference between the clock of an issuer and the clock of the database. */
export const clockSkewSeconds = 60;
const maxTokenBytes = 8 * 1024;
const maxClaimedRoles = 50;
const maxNameLength = 128;
const maxSubjectLength = 255;
// 9999-12-31, the last day that a timestamp can have.
const latestEnd = 253_402_300_799;
const compactJws = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const controls = /\p{Cc}/u;

/** Creates a verifier for these issuers. It fetches the keys of an issuer when it first needs them. */
export function createOidcVerifier(issuers: readonly OidcIssuer[], deps: IssuerKeysDeps): OidcVerifier {
  const known = new Map(
    issuers.map((issuer) => [issuer.issuer, { issuer, keys: createIssuerKeys(issuer.issuer, deps) }]),
  );
  return {
    async verify(token) {
      // All checks that need no key come before the keys are fetched.
      if (known.size === 0 || token.length > maxTokenBytes || !compactJws.test(token)) return undefined;
      const unverified = readUnverified(token);
      if (!unverified) return undefined;
      const from = known.get(unverified.iss);
      if (!from?.issuer.algorithms.includes(unverified.alg) || !mayBeAccessToken(unverified.typ))
        return undefined;
      const claims = await verifySignature(token, from.issuer, from.keys);
      return claims && isAccessToken(unverified.typ, claims)
        ? toExternalToken(claims, from.issuer)
        : undefined;
    },
  };
}

/** Returns the id of an identity in the database. It is a hash, so it reveals nothing about the person. */
export function identityId(issuer: string, subject: string): string {
  return `oidc_${createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex")}`;
}

/** Returns the issuers whose tokens may claim roles. */
export function claimingIssuersOf(issuers: readonly OidcIssuer[]): ClaimingIssuer[] {
  return issuers.flatMap((one) => {
    const { issuer, maxRole, roleClaim } = one;
    return roleClaim === undefined ? [] : [{ issuer, scope: scopeOf(one), maxRole }];
  });
}

function scopeOf({ accounts }: OidcIssuer): Scope {
  return { accounts, platform: accounts !== "*" };
}

// Reads a token without verifying it. The result serves only to choose the keys that verify it.
function readUnverified(token: string): { iss: string; alg: string; typ: unknown } | undefined {
  try {
    const { alg, typ } = decodeProtectedHeader(token);
    const { iss } = decodeJwt(token);
    return typeof alg === "string" && typeof iss === "string" ? { iss, alg, typ } : undefined;
  } catch {
    return undefined;
  }
}

async function verifySignature(
  token: string,
  { issuer, audience, algorithms }: OidcIssuer,
  keys: JWTVerifyGetKey,
): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms,
      clockTolerance: clockSkewSeconds,
      requiredClaims: ["exp", "sub"],
    });
    return payload;
  } catch (error) {
    if (error instanceof DomainError) throw error;
    // The response may state that the token expired. The clock of the database decides about that.
    if (error instanceof errors.JWTExpired && error.claim === "exp") return error.payload;
    // Any other error means that the token is not verified, also if the issuer's key itself is invalid.
    return undefined;
  }
}

function toExternalToken(claims: JWTPayload, issuer: OidcIssuer): ExternalToken | undefined {
  const { sub: subject, exp } = claims;
  if (!isText(subject, maxSubjectLength) || exp === undefined || exp < 0 || exp > latestEnd) return undefined;
  const account = issuer.accountClaim === undefined ? undefined : claims[issuer.accountClaim];
  if (account !== undefined && typeof account !== "string") return undefined;
  const issuerScope = scopeOf(issuer);
  // A token that names an account is valid for no other account.
  const named = account !== undefined && (mayNameAccount(issuerScope, account) ? [account] : []);
  const scope = { ...issuerScope, ...(named && { accounts: named }) };
  const only = scope.accounts !== "*" && scope.accounts.length === 1 ? scope.accounts[0] : undefined;
  // If tokens of this issuer name an account and this one does not, its roles belong to no account.
  const rolesCount = issuer.accountClaim === undefined || only !== undefined;
  const roles = rolesCount && issuer.roleClaim !== undefined ? texts(claims[issuer.roleClaim]) : [];
  const name = typeof claims.name === "string" ? claims.name.trim() : "";
  return {
    identity: {
      id: identityId(issuer.issuer, subject),
      issuer: issuer.issuer,
      subject,
      name: isText(name, maxNameLength) ? name : subject.slice(0, maxNameLength).toWellFormed(),
    },
    scope,
    accountId: account ?? only ?? "",
    claimed: { roles, maxRole: issuer.maxRole },
    endsAt: new Date(exp * 1000),
  };
}

// Text that the database can store unchanged.
function isText(value: unknown, maxLength: number): value is string {
  return (
    typeof value === "string" &&
    value.trim() !== "" &&
    value.length <= maxLength &&
    value.isWellFormed() &&
    !controls.test(value)
  );
}

function texts(claim: unknown): string[] {
  const list: unknown[] = Array.isArray(claim) ? claim : [claim];
  return list.slice(0, maxClaimedRoles).filter((one): one is string => isText(one, maxNameLength));
}
