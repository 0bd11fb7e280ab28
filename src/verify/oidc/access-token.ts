import type { JWTPayload } from "jose";

// RFC 9068, 2.1. `JWT` and none are what issuers from before it write, on access tokens and ID tokens alike.
const accessTokenTypes = ["at+jwt", "application/at+jwt"];
const undecidedTypes = ["jwt", "application/jwt"];
// OpenID Connect Core 1.0, 2 and 3.3.2.11: what only an ID token has.
const idTokenClaims = ["nonce", "at_hash", "c_hash", "s_hash"];

/** Whether a token of this `typ` can be an access token at all. */
export function mayBeAccessToken(typ: unknown): boolean {
  return typ === undefined || isOneOf(typ, accessTokenTypes) || isOneOf(typ, undecidedTypes);
}

/**
 * Whether a token was made for an API, and not to tell a client who signed in. What calls itself an access token (RFC
 * 9068) is one. What does not say is one only if it tells what its client may do (`scope`, `scp`) or who that is
 * (`client_id`), and is not meant for that client itself. Nothing with a claim that only ID tokens have is one, and nothing
 * that is bound to a key of its holder (`cnf`), because a bearer does not prove that.
 */
export function isAccessToken(typ: unknown, claims: JWTPayload): boolean {
  const { cnf, typ: kind, token_use: use, scope, scp, azp, client_id: clientId, aud } = claims;
  if (cnf !== undefined || idTokenClaims.some((claim) => Object.hasOwn(claims, claim))) return false;
  // Keycloak and Cognito say what a token is in a claim.
  if (kind !== undefined && !isOneOf(kind, ["bearer", ...accessTokenTypes])) return false;
  if (use !== undefined && use !== "access") return false;
  if (isOneOf(typ, accessTokenTypes)) return true;
  const saysWhatFor = scope !== undefined || scp !== undefined || clientId !== undefined;
  const audiences = Array.isArray(aud) ? aud : [aud];
  return (
    saysWhatFor &&
    ![azp, clientId].some((client) => client !== undefined && audiences.some((one) => one === client))
  );
}

function isOneOf(value: unknown, names: readonly string[]): boolean {
  return typeof value === "string" && names.includes(value.toLowerCase());
}
