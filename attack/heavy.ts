import type { AttackJob } from "./attacker.ts";
import { keepAlive, post } from "./http.ts";
import { type Counts, repeat } from "./repeat.ts";

/** Credentials that cost much to evaluate, and the key of their own tenant that verifies them. */
export interface Heavy {
  verifier: string;
  /** Verified over and over, from the cache. */
  hot: string[];
  /** Verified once each. */
  unseen: string[];
}

const lanes = 6;

/** Six heavy principals, each verified from the cache, from the database, and through keys never seen before, in turns. */
export async function heavyPrincipals({ port, seconds, heavy }: AttackJob): Promise<Counts> {
  if (!heavy) throw new Error("there are no heavy principals");
  const agent = keepAlive();
  const { verifier: bearer, hot, unseen } = heavy;
  let next = 0;
  const verify = (request: object) =>
    post({
      port,
      path: "/latchkey.v1.TokenService/VerifyToken",
      bearer,
      agent,
      body: JSON.stringify(request),
      timeoutMs: 60_000,
    });
  const counts = await repeat({ lanes, everyMs: 100, seconds }, (lane, n) => {
    const token = hot[lane % hot.length];
    // A tenth, so that those that were never seen last as long as the attack.
    if (n % 10 === 5) return verify({ token: unseen[next++ % unseen.length] });
    return verify({ token, fresh: n % 2 === 1 });
  });
  agent.destroy();
  return counts;
}
