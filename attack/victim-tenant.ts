import { addKeys } from "../bench/fill.ts";
import { keyId, keyToken } from "../bench/keys.ts";
import { verifyPath } from "../bench/service.ts";
import { call } from "./http.ts";
import { openTenant } from "./tenant.ts";
import type { Series, VictimJob } from "./victim.ts";

/** The tenant whose service must not suffer. */
export interface Victim {
  /** What its process does for so long. Keys never seen before differ from job to job. */
  job(port: number, seconds: number): VictimJob;
}

/** The rate at which the victim verifies keys that are in the cache: the one that the table is about. */
export const warmPerSecond = 100;
const coldPerSecond = 10;
const connectionsPerSecond = 10;
// Numbers of keys: those of the database come before these.
const first = 1_000_000;
const warmKeys = 50;

/** Signs up the victim, with enough keys never seen before for so many seconds. */
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
