import type { Seen } from "../domain/access/authority.ts";
import { inTurns } from "../domain/kernel/slices.ts";
import { digestToken, parseToken } from "../domain/kernel/token.ts";
import type { LookupKey } from "./cache/load.ts";
import type { Loader } from "./cache/loader.ts";
import { toCredentials } from "./evaluate/credential.ts";
import { type EvaluateSettings, type Evaluation, evaluate, refused } from "./evaluate/evaluate.ts";
import { evaluateExternal, type OwnCall } from "./evaluate/evaluate-external.ts";
import type { Requirements } from "./evaluate/verdict.ts";
import type { ExternalToken, OidcVerifier } from "./oidc/oidc.ts";

/** A token and what is asked of it. */
export interface VerifyRequest extends Requirements {
  token: string;
  /** Who asks: the database is shared fairly between them. A profile, or the key of an address before anybody is known. */
  caller: string;
  /** Answered by a statement that is sent after the inquiry was made. */
  fresh: boolean;
  /** For a call to us. Unset: about somebody else's. */
  own?: OwnCall;
}

/** Says whose tokens are: the one way from a bearer to a principal in the product. */
export interface Resolver {
  /**
   * Judges tokens, in their order: from memory where it may be served, and at once if all of them are there; the others by
   * the database, with one statement for all of them. Garbage costs none.
   */
  resolve(verifyRequests: readonly VerifyRequest[]): Evaluation[] | Promise<Evaluation[]>;
  /** Evaluates a token again that was evaluated before, by what a transaction sees. */
  evaluateSeen(before: Evaluation, verifyRequest: VerifyRequest, seen: Seen): Promise<Evaluation>;
}

/** What the resolver depends on. */
export interface ResolverSettings extends EvaluateSettings {
  tokenPrefix: string;
}

/** Creates a resolver over a loader. */
export function createResolver(loader: Loader, oidc: OidcVerifier, settings: ResolverSettings): Resolver {
  function fromMemory(verifyRequest: VerifyRequest): Evaluation | undefined {
    const parsed = parseToken(settings.tokenPrefix, verifyRequest.token);
    if (!parsed || verifyRequest.fresh) return undefined;
    const loaded = loader.recall({ id: parsed.id, workspaceId: verifyRequest.workspaceId });
    const evaluation = loaded && evaluate(loaded, digestToken(verifyRequest.token), verifyRequest, settings);
    return evaluation && !remembersLess(evaluation) ? evaluation : undefined;
  }

  async function recognise({ token, workspaceId }: VerifyRequest): Promise<Recognised | undefined> {
    const parsed = parseToken(settings.tokenPrefix, token);
    if (parsed) return { lookupKey: { id: parsed.id, workspaceId } };
    const external = await oidc.verify(token);
    return external && { lookupKey: { id: external.identity.id, workspaceId }, external };
  }

  async function lookUp(verifyRequest: VerifyRequest): Promise<Evaluation> {
    const recognised = await recognise(verifyRequest);
    if (!recognised) return refused([{ verdict: "INVALID", metadata: {} }]);
    const { lookupKey, external } = recognised;
    const known = external && !verifyRequest.fresh ? loader.recall(lookupKey) : undefined;
    const loaded = known ?? (await loader.fetch(lookupKey, verifyRequest));
    return external
      ? evaluateExternal(loaded, external, verifyRequest, verifyRequest.own)
      : evaluate(loaded, digestToken(verifyRequest.token), verifyRequest, settings);
  }

  return {
    resolve(verifyRequests) {
      const known = verifyRequests.map(fromMemory);
      if (known.every((evaluation) => evaluation !== undefined)) return known;
      return Promise.all(verifyRequests.map((verifyRequest, index) => known[index] ?? lookUp(verifyRequest)));
    },
    async evaluateSeen({ external }, verifyRequest, { credential: row, now }) {
      const [credential] = await inTurns(toCredentials(row ? [row] : []));
      const loaded = { credential, workspace: undefined, now };
      return external
        ? evaluateExternal(loaded, external, verifyRequest, verifyRequest.own)
        : evaluate(loaded, digestToken(verifyRequest.token), verifyRequest, settings);
    },
  };
}

// What a token is found by, and what it says itself where an outside issuer signed it.
interface Recognised {
  lookupKey: LookupKey;
  external?: ExternalToken;
}

// Activity is no change: memory may not know that a session was used since, and must not call it idle.
function remembersLess({ failures, sessionId }: Evaluation): boolean {
  return sessionId !== undefined && failures.some(({ verdict }) => verdict === "EXPIRED");
}
