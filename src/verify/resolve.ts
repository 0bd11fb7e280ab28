import type { Seen } from "../domain/access/authority.ts";
import type { Bounds } from "../domain/access/bounds.ts";
import { DomainError } from "../domain/kernel/error.ts";
import { inTurns } from "../domain/kernel/slices.ts";
import { digestToken, type ParsedToken, parseToken } from "../domain/kernel/token.ts";
import type { Loaded, LookupKey } from "./cache/load.ts";
import type { Loader } from "./cache/loader.ts";
import { toCredentials } from "./evaluate/credential.ts";
import { type EvaluateSettings, type Evaluation, evaluate, refused } from "./evaluate/evaluate.ts";
import { createClaimQueue, evaluateExternal, type OwnCall } from "./evaluate/evaluate-external.ts";
import type { Requirements } from "./evaluate/verdict.ts";
import type { ExternalToken, OidcVerifier } from "./oidc/oidc.ts";

/** A token, and the requirements that it is evaluated against. */
export interface VerifyRequest extends Requirements {
  token: string;
  /** The caller, which takes turns with others at the database: a profile, or a client address before the profile is known. */
  caller: string;
  /** Whether the result must come from a statement that is sent after the request arrived. */
  fresh: boolean;
  /** Set if the token is the bearer of a call to this service. Unset if a caller verifies it. */
  own?: OwnCall;
}

/** Resolves tokens to principals. All code that needs the principal of a bearer uses it. */
export interface Resolver {
  /**
   * Evaluates tokens and returns the results in their order. It returns at once if the cache holds all of them. Otherwise
   * one statement loads the missing ones. A malformed token costs no statement.
   */
  resolve(verifyRequests: readonly VerifyRequest[]): Evaluation[] | Promise<Evaluation[]>;
  /** Evaluates a token again, by the record that a transaction has read. */
  evaluateSeen(before: Evaluation, verifyRequest: VerifyRequest, seen: Seen): Promise<Evaluation>;
}

/** What the resolver depends on. */
export interface ResolverSettings extends EvaluateSettings {
  tokenPrefix: string;
  bounds: Pick<Bounds, "permissionsPerPrincipal">;
}

/** Creates a resolver over a loader. */
export function createResolver(loader: Loader, oidc: OidcVerifier, settings: ResolverSettings): Resolver {
  const { permissionsPerPrincipal } = settings.bounds;
  const claims = { permissionsPerPrincipal, queue: createClaimQueue() };

  function fromCache(verifyRequest: VerifyRequest): Evaluation | undefined {
    const parsed = parseToken(settings.tokenPrefix, verifyRequest.token);
    if (!parsed) return undefined;
    if (!isAccepted(parsed, verifyRequest)) return unknownToken();
    if (verifyRequest.fresh) return undefined;
    const evaluation = recallAndEvaluate(lookupKeyOf(parsed, verifyRequest), verifyRequest);
    const complete = evaluation?.lacks === undefined && evaluation?.lacksTenant === undefined;
    return evaluation && complete && !maybeOutdated(evaluation) ? evaluation : undefined;
  }

  function recallAndEvaluate(lookupKey: LookupKey, verifyRequest: VerifyRequest): Evaluation | undefined {
    const loaded = loader.recall(lookupKey);
    const evaluation = loaded && evaluate(loaded, digestToken(verifyRequest.token), verifyRequest, settings);
    const tenantId = evaluation?.lacksTenant;
    return tenantId === undefined ? evaluation : recallAndEvaluate({ ...lookupKey, tenantId }, verifyRequest);
  }

  function evaluateLoaded(
    loaded: Loaded,
    external: ExternalToken | undefined,
    verifyRequest: VerifyRequest,
  ): Evaluation | Promise<Evaluation> {
    return external
      ? evaluateExternal(loaded, external, verifyRequest, verifyRequest.own, claims)
      : evaluate(loaded, digestToken(verifyRequest.token), verifyRequest, settings);
  }

  async function lookUp(verifyRequest: VerifyRequest): Promise<Evaluation> {
    const recognised = await recognise(verifyRequest, settings.tokenPrefix, oidc);
    if (!recognised) return unknownToken();
    const { external } = recognised;
    let { lookupKey } = recognised;
    for (let tries = 1; tries <= maxTries; tries++) {
      const known = (external || tries > 1) && !verifyRequest.fresh ? loader.recall(lookupKey) : undefined;
      const loaded = known ?? (await loader.fetch(lookupKey, verifyRequest));
      const evaluation = await evaluateLoaded(loaded, external, verifyRequest);
      const { lacks, lacksTenant } = evaluation;
      if (lacks !== undefined) lookupKey = { ...lookupKey, accountId: lacks };
      else if (lacksTenant !== undefined) lookupKey = { ...lookupKey, tenantId: lacksTenant };
      else return evaluation;
    }
    throw new DomainError("UNAVAILABLE", "the accounts of this user are changing: try again");
  }

  return {
    resolve(verifyRequests) {
      const known = verifyRequests.map(fromCache);
      if (known.every((evaluation) => evaluation !== undefined)) return known;
      return Promise.all(verifyRequests.map((verifyRequest, index) => known[index] ?? lookUp(verifyRequest)));
    },
    async evaluateSeen({ external }, verifyRequest, { credential: row, tenant = null, now }) {
      const [credential] = await inTurns(toCredentials(row ? [row] : []));
      return evaluateLoaded({ credential, workspace: undefined, tenant, now }, external, verifyRequest);
    },
  };
}

// A load brings the access to one account. Which account is needed may depend on what was loaded: an external token may be
// valid for only one of the user's accounts.
const maxTries = 3;

function unknownToken(): Evaluation {
  return refused([{ verdict: "INVALID", metadata: {} }]);
}

// An embed session calls this service only. For a caller that verifies its token, it does not exist.
function isAccepted({ kind }: ParsedToken, { own }: VerifyRequest): boolean {
  return kind !== "emb" || own !== undefined;
}

async function recognise(
  verifyRequest: VerifyRequest,
  tokenPrefix: string,
  oidc: OidcVerifier,
): Promise<Recognised | undefined> {
  const { token, workspaceId, own } = verifyRequest;
  const parsed = parseToken(tokenPrefix, token);
  if (parsed) return { lookupKey: lookupKeyOf(parsed, verifyRequest) };
  const external = await oidc.verify(token);
  if (!external) return undefined;
  const accountId = own === "user" ? "" : verifyRequest.accountId || external.accountId;
  return { lookupKey: { id: external.identity.id, accountId, workspaceId }, external };
}

function lookupKeyOf({ id, kind }: ParsedToken, { accountId, workspaceId }: VerifyRequest): LookupKey {
  return { id, accountId: kind === "ses" ? accountId : "", workspaceId };
}

// The lookup key of a token, and the verified claims if an external issuer signed it.
interface Recognised {
  lookupKey: LookupKey;
  external?: ExternalToken;
}

// The activity of a session does not invalidate the cache. If the cache says that a session is idle, it may have been used
// since, so it is loaded again.
function maybeOutdated({ failures, sessionId }: Evaluation): boolean {
  return sessionId !== undefined && failures.some(({ verdict }) => verdict === "EXPIRED");
}
