import type { JWTPayload } from "jose";

// RFC 9068, section 2.1. Older issuers write `JWT` or no type, on access tokens and on ID tokens.
const accessTokenTypes = ["at+jwt", "application/at+jwt"];
const undecidedTypes = ["jwt", "application/jwt"];
// OpenID Connect Core 1.0, sections 2 and 3.3.2.11: claims that only an ID token has.
const idTokenClaims = ["nonce", "at_hash", "c_hash", "s_hash"];

/** Returns whether a token of this `typ` can be an access token. */
export function mayBeAccessToken(typ: unknown): boolean {
  return typ === undefined || isOneOf(typ, accessTokenTypes) || isOneOf(typ, undecidedTypes);
}

/**
 * Returns whether a token is an access token, made for an API, and not an ID token, made for a client.
 * - A token with the type of an access token (RFC 9068) is one.
 * - A token of another type is one only if it names what its client may do (`scope`, `scp`) or the client (`client_id`), and
 *   if its audience is not that client.
 * - A token with a claim that only ID tokens have is none.
 * - A token that is bound to a key of its holder (`cnf`) is rejected, because a bearer does not prove that it has the key.
 */
export function isAccessToken(typ: unknown, claims: JWTPayload): boolean {
  const { cnf, typ: kind, token_use: use, scope, scp, azp, client_id: clientId, aud } = claims;
  if (cnf !== undefined || idTokenClaims.some((claim) => Object.hasOwn(claims, claim))) return false;
  // Keycloak and Cognito write the type of a token into a claim.
  if (kind !== undefined && !isOneOf(kind, ["bearer", ...accessTokenTypes])) return false;
  if (use !== undefined && use !== "access") return false;
  if (isOneOf(typ, accessTokenTypes)) return true;
  const namesPurpose = scope !== undefined || scp !== undefined || clientId !== undefined;
  const audiences = Array.isArray(aud) ? aud : [aud];
  return (
    namesPurpose &&
    ![azp, clientId].some((client) => client !== undefined && audiences.some((one) => one === client))
  );
}

function isOneOf(value: unknown, names: readonly string[]): boolean {
  return typeof value === "string" && names.includes(value.toLowerCase());
}
