import type { Seen } from "../domain/access/authority.ts";
import { inTurns } from "../domain/kernel/slices.ts";
import { digestToken, parseToken } from "../domain/kernel/token.ts";
import type { Ask } from "./cache/load.ts";
import type { Loader } from "./cache/loader.ts";
import { toCredentials } from "./evaluate/credential.ts";
import { type Judgement, type JudgeSettings, judge, refused } from "./evaluate/evaluate.ts";
import { judgeOutside, type OwnCall } from "./evaluate/evaluate-external.ts";
import type { Question } from "./evaluate/verdict.ts";
import type { OidcVerifier, OutsideToken } from "./oidc/oidc.ts";

/** A token and what is asked of it. */
export interface Inquiry extends Question {
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
  resolve(inquiries: readonly Inquiry[]): Judgement[] | Promise<Judgement[]>;
  /** Evaluates a token again that was evaluated before, by what a transaction sees. */
  evaluateSeen(before: Judgement, inquiry: Inquiry, seen: Seen): Promise<Judgement>;
}

/** What the resolver depends on. */
export interface ResolverSettings extends JudgeSettings {
  tokenPrefix: string;
}

/** Creates a resolver over a loader. */
export function createResolver(loader: Loader, oidc: OidcVerifier, settings: ResolverSettings): Resolver {
  function fromMemory(inquiry: Inquiry): Judgement | undefined {
    const parsed = parseToken(settings.tokenPrefix, inquiry.token);
    if (!parsed || inquiry.fresh) return undefined;
    const loaded = loader.recall({ id: parsed.id, workspaceId: inquiry.workspaceId });
    const judgement = loaded && judge(loaded, digestToken(inquiry.token), inquiry, settings);
    return judgement && !remembersLess(judgement) ? judgement : undefined;
  }

  async function recognise({ token, workspaceId }: Inquiry): Promise<Recognised | undefined> {
    const parsed = parseToken(settings.tokenPrefix, token);
    if (parsed) return { ask: { id: parsed.id, workspaceId } };
    const outside = await oidc.verify(token);
    return outside && { ask: { id: outside.identity.id, workspaceId }, outside };
  }

  async function lookUp(inquiry: Inquiry): Promise<Judgement> {
    const recognised = await recognise(inquiry);
    if (!recognised) return refused([{ verdict: "INVALID", metadata: {} }]);
    const { ask, outside } = recognised;
    const known = outside && !inquiry.fresh ? loader.recall(ask) : undefined;
    const loaded = known ?? (await loader.fetch(ask, inquiry));
    return outside
      ? judgeOutside(loaded, outside, inquiry, inquiry.own)
      : judge(loaded, digestToken(inquiry.token), inquiry, settings);
  }

  return {
    resolve(inquiries) {
      const known = inquiries.map(fromMemory);
      if (known.every((judgement) => judgement !== undefined)) return known;
      return Promise.all(inquiries.map((inquiry, index) => known[index] ?? lookUp(inquiry)));
    },
    async evaluateSeen({ outside }, inquiry, { credential: row, now }) {
      const [credential] = await inTurns(toCredentials(row ? [row] : []));
      const loaded = { credential, workspace: undefined, now };
      return outside
        ? judgeOutside(loaded, outside, inquiry, inquiry.own)
        : judge(loaded, digestToken(inquiry.token), inquiry, settings);
    },
  };
}

// What a token is found by, and what it says itself where an outside issuer signed it.
interface Recognised {
  ask: Ask;
  outside?: OutsideToken;
}

// Activity is no change: memory may not know that a session was used since, and must not call it idle.
function remembersLess({ failures, sessionId }: Judgement): boolean {
  return sessionId !== undefined && failures.some(({ verdict }) => verdict === "EXPIRED");
}
