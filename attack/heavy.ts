import type { AttackJob } from "./attacker.ts";
import { keepAlive, post } from "./http.ts";
import { type Counts, repeat } from "./repeat.ts";

/** The tokens of credentials whose evaluation is expensive, and the key of their tenant that verifies them. */
export interface Heavy {
  verifier: string;
  /** The tokens that are verified repeatedly, from the cache. */
  hot: string[];
  /** The tokens that are verified only once. */
  unseen: string[];
}

const callers = 6;

/** Verifies six heavy principals, in turns: from the cache, from the database, and by keys that the server has never seen. */
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
  const counts = await repeat({ callers, everyMs: 100, seconds }, (caller, n) => {
    const token = hot[caller % hot.length];
    // Only a tenth of the calls use unseen keys, so that these last until the end of the attack.
    if (n % 10 === 5) return verify({ token: unseen[next++ % unseen.length] });
    return verify({ token, fresh: n % 2 === 1 });
  });
  agent.destroy();
  return counts;
}
