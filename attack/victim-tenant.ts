import { addKeys } from "../bench/fill.ts";
import { keyId, keyToken } from "../bench/keys.ts";
import { verifyPath } from "../bench/service.ts";
import { call } from "./http.ts";
import { openTenant } from "./tenant.ts";
import type { Series, VictimJob } from "./victim.ts";

/** The tenant whose calls must stay fast during an attack. */
export interface Victim {
  /** Returns the job of its process for this number of seconds. Each job has new unseen keys. */
  job(port: number, seconds: number): VictimJob;
}

/** The rate at which the victim verifies cached keys. The limit of the table applies to these calls. */
export const warmPerSecond = 100;
const coldPerSecond = 10;
const connectionsPerSecond = 10;
// The keys of the filled database have lower numbers.
const first = 1_000_000;
const warmKeys = 50;

/** Signs up the victim with enough unseen keys for this number of seconds. */
export async function openVictim(port: number, databaseUrl: string, seconds: number): Promise<Victim> {
  const { accountId, session, verifier } = await openTenant(port, "victim");
  const firstCold = first + warmKeys;
  await addKeys(databaseUrl, accountId, first, firstCold + Math.ceil(seconds * coldPerSecond) + 1);
  const revoked = keyId(first);
  await call(port, "ApiKeyService/RevokeApiKey", { id: revoked }, session);
  let nextCold = firstCold;

  const accepted = (key: number) => ({
    body: JSON.stringify({ token: keyToken(key) }),
    expected: `"keyId":"${keyId(key)}"`,
  });
  const refused = { body: JSON.stringify({ token: keyToken(first) }), expected: '"VERDICT_REVOKED"' };
  const warm = [refused, ...Array.from({ length: warmKeys - 1 }, (_, n) => accepted(first + 1 + n))];

  return {
    job(toPort, length) {
      const cold = Array.from({ length: Math.ceil(length * coldPerSecond) }, () => accepted(nextCold++));
      const series: Series[] = [
        { name: "warm", perSecond: warmPerSecond, ownConnection: false, requests: warm },
        { name: "first look-ups", perSecond: coldPerSecond, ownConnection: false, requests: cold },
        { name: "new connections", perSecond: connectionsPerSecond, ownConnection: true, requests: warm },
      ];
      return { port: toPort, path: verifyPath, bearer: verifier, seconds: length, series };
    },
  };
}
