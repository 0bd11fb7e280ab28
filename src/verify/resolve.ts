import type { Db } from "../db/connect.ts";
import { hashToken, parseToken } from "../domain/token.ts";
import { type Judgement, type JudgeSettings, judge, type Question, refused } from "./judge.ts";
import { judgeOutside, type OwnCall } from "./judge-outside.ts";
import { load } from "./load.ts";
import type { OidcVerifier, OutsideToken } from "./oidc.ts";

/** A token and what is asked of it. */
export interface Inquiry extends Question {
  token: string;
  /** For a call to us. Unset: about somebody else's. */
  own?: OwnCall;
}

/** Says whose tokens are: the one way from a bearer to a principal in the product. */
export interface Resolver {
  /** Judges tokens, in their order, with one statement for all of them; garbage costs none. */
  resolve(inquiries: readonly Inquiry[]): Promise<Judgement[]>;
}

/** What the resolver depends on. */
export interface ResolverSettings extends JudgeSettings {
  tokenPrefix: string;
}

/** Creates a resolver that asks the database every time. */
export function createResolver(db: Db, oidc: OidcVerifier, settings: ResolverSettings): Resolver {
  async function recognise(token: string): Promise<Recognised | undefined> {
    const parsed = parseToken(settings.tokenPrefix, token);
    if (parsed) return { id: parsed.id };
    const outside = await oidc.verify(token);
    return outside && { id: outside.identity.id, outside };
  }
  return {
    async resolve(inquiries) {
      const recognised = await Promise.all(inquiries.map(({ token }) => recognise(token)));
      const asked = inquiries.flatMap(({ workspaceId }, index) => {
        const one = recognised[index];
        return one ? [{ ...one, index, workspaceId }] : [];
      });
      const judgements = inquiries.map(() => refused([{ verdict: "INVALID", metadata: {} }]));
      if (asked.length === 0) return judgements;
      const loaded = await load(db, asked);
      for (const [position, { index, outside }] of asked.entries()) {
        const [one, inquiry] = [loaded[position], inquiries[index]];
        if (!one || !inquiry) continue;
        judgements[index] = outside
          ? judgeOutside(one, outside, inquiry, inquiry.own)
          : judge(one, hashToken(inquiry.token), inquiry, settings);
      }
      return judgements;
    },
  };
}

// What a token is found by, and what it says itself where an outside issuer signed it.
interface Recognised {
  id: string;
  outside?: OutsideToken;
}
