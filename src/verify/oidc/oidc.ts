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

/** An outside issuer whose access tokens are accepted, as the settings say. */
export interface OidcIssuer {
  issuer: string;
  audience: string;
  algorithms: string[];
  accounts: "*" | string[];
  accountClaim: string | undefined;
  roleClaim: string | undefined;
  maxRole: string;
}

/** What a token of an outside issuer says. Its signature, issuer, audience and form are right; it may have expired. */
export interface ExternalToken {
  identity: Identity;
  scope: Scope;
  /** The account that it means; empty: it does not say. */
  accountId: string;
  claimed: ClaimedRoles;
  endsAt: Date;
}

/** Tells the tokens of outside issuers from everything else. */
export interface OidcVerifier {
  /** Returns undefined for what is no access token of a known issuer. Throws `UNAVAILABLE` where its keys cannot be had. */
  verify(token: string): Promise<ExternalToken | undefined>;
}

/** Asymmetric signatures (RFC 7518, RFC 8037, RFC 9864): whoever can check one cannot make one. */
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

/** How far the clocks of an issuer and ours may be apart. */
export const clockSkewSeconds = 60;
const maxTokenBytes = 8 * 1024;
const maxClaimedRoles = 50;
const maxNameLength = 128;
const maxSubjectLength = 255;
// 9999-12-31: what comes after that is no time.
const latestEnd = 253_402_300_799;
const compactJws = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const controls = /\p{Cc}/u;

/** Creates a verifier for these issuers. It asks each for its keys when it first needs them. */
export function createOidcVerifier(issuers: readonly OidcIssuer[], deps: IssuerKeysDeps): OidcVerifier {
  const known = new Map(
    issuers.map((issuer) => [issuer.issuer, { issuer, keys: createIssuerKeys(issuer.issuer, deps) }]),
  );
  return {
    async verify(token) {
      // Everything that can be refused without a key is refused before one is looked for.
      if (known.size === 0 || token.length > maxTokenBytes || !compactJws.test(token)) return undefined;
      const said = peek(token);
      if (!said) return undefined;
      const from = known.get(said.iss);
      if (!from?.issuer.algorithms.includes(said.alg) || !mayBeAccessToken(said.typ)) return undefined;
      const claims = await open(token, from.issuer, from.keys);
      return claims && isAccessToken(said.typ, claims) ? read(claims, from.issuer) : undefined;
    },
  };
}

/** By which an identity is found in the database: it says nothing about the person to whoever reads it there. */
export function identityId(issuer: string, subject: string): string {
  return `oidc_${createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex")}`;
}

/** Those issuers whose tokens may claim roles. */
export function claimingIssuersOf(issuers: readonly OidcIssuer[]): ClaimingIssuer[] {
  return issuers.flatMap((one) => {
    const { issuer, maxRole, roleClaim } = one;
    return roleClaim === undefined ? [] : [{ issuer, scope: scopeOf(one), maxRole }];
  });
}

function scopeOf({ accounts }: OidcIssuer): Scope {
  return { accounts, platform: accounts !== "*" };
}

// What a token says of itself: good only for finding out with whose keys to check it.
function peek(token: string): { iss: string; alg: string; typ: unknown } | undefined {
  try {
    const { alg, typ } = decodeProtectedHeader(token);
    const { iss } = decodeJwt(token);
    return typeof alg === "string" && typeof iss === "string" ? { iss, alg, typ } : undefined;
  } catch {
    return undefined;
  }
}

async function open(
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
    // Its holder may be told so. The clock of the database has the last word.
    if (error instanceof errors.JWTExpired && error.claim === "exp") return error.payload;
    // Whatever the library cannot verify, be it a key that the issuer should not have, is not verified.
    return undefined;
  }
}

function read(claims: JWTPayload, issuer: OidcIssuer): ExternalToken | undefined {
  const { sub: subject, exp } = claims;
  if (!isText(subject, maxSubjectLength) || exp === undefined || exp < 0 || exp > latestEnd) return undefined;
  const account = issuer.accountClaim === undefined ? undefined : claims[issuer.accountClaim];
  if (account !== undefined && typeof account !== "string") return undefined;
  const issuerScope = scopeOf(issuer);
  // A token that names its account speaks for no other one.
  const spoken = account !== undefined && (mayNameAccount(issuerScope, account) ? [account] : []);
  const scope = { ...issuerScope, ...(spoken && { accounts: spoken }) };
  const only = scope.accounts !== "*" && scope.accounts.length === 1 ? scope.accounts[0] : undefined;
  // Where tokens should name an account and this one does not, its role is no account's.
  const counts = issuer.accountClaim === undefined || only !== undefined;
  const roles = counts && issuer.roleClaim !== undefined ? texts(claims[issuer.roleClaim]) : [];
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

// What the database can keep, letter by letter.
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
