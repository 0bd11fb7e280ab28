import type { Db } from "../db/connect.ts";
import { hashToken, parseToken } from "../domain/token.ts";
import { type Judgement, type JudgeSettings, judge, type Question, refused } from "./judge.ts";
import { load } from "./load.ts";

/** A token and what is asked of it. */
export interface Inquiry extends Question {
  token: string;
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
export function createResolver(db: Db, settings: ResolverSettings): Resolver {
  return {
    async resolve(inquiries) {
      const parsed = inquiries.map((inquiry) => parseToken(settings.tokenPrefix, inquiry.token));
      const asked = inquiries.flatMap((inquiry, index) => {
        const token = parsed[index];
        return token ? [{ index, id: token.id, workspaceId: inquiry.workspaceId }] : [];
      });
      const judgements = inquiries.map(() => refused([{ verdict: "INVALID", metadata: {} }]));
      if (asked.length === 0) return judgements;
      const loaded = await load(db, asked);
      for (const [position, { index }] of asked.entries()) {
        const [one, inquiry] = [loaded[position], inquiries[index]];
        if (one && inquiry) judgements[index] = judge(one, hashToken(inquiry.token), inquiry, settings);
      }
      return judgements;
    },
  };
}
