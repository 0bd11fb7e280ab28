import { setTimeout as delay } from "node:timers/promises";
import type { CallResponse } from "../../../chaos/child.ts";
import { type Instance, startInstance } from "../../../chaos/instance.ts";
import { sources } from "../../../chaos/programs.ts";
import { startPair } from "./pair.ts";
import { startSwitch } from "./switch.ts";

/** The options of a run with an orphaned primary. */
export interface OrphanOptions {
  /** The number of keys that are revoked after the failover, through the instance on the new primary. */
  keys: number;
  /** The number of verifications of these keys, at the instance that keeps its sessions to the old primary. */
  checks: number;
  maxSeconds: number;
  /** The number of concurrent verifications (default 8). */
  checkers?: number;
  /** The file that Node runs as `latchkey` (default: its source). */
  latchkey?: string;
  /** Creates the data directory of the primary, as for `startPair`. */
  makeSite?: (dataDir: string) => Promise<void>;
  /** Whether new sessions of that instance also lead to the old primary, as with a stale DNS name. */
  stays?: boolean;
  /** Ends everything that the run started, even if the caller ends early. */
  within?: AsyncDisposableStack;
  onProgress?(line: string): void;
}

/** The result of a run. */
export interface OrphanOutcome {
  /** The number of keys whose revocation returned. */
  revoked: number;
  /**
   * The number of verifications that began after the revocation of their key had returned, and the number of those that
   * accepted the key.
   */
  checks: number;
  late: number;
  /** The delay of the latest accepted verification after the revocation, in milliseconds. */
  worstMs: number;
  /** The number of checks for each response. */
  responses: Record<string, number>;
  /** The number of checks that began while sessions to the old primary were open. */
  onOrphan: number;
  /** Whether a key that was not revoked is accepted at the end. */
  recovered: boolean;
}

interface Key {
  id: string;
  token: string;
  revokedAt: number;
}

const callTimeoutMs = 10_000;
const revokers = 4;
const defaultCheckers = 8;
// The checks choose among this number of the last revoked keys.
const recent = 12;

/**
 * Runs a failover with an orphaned primary: the standby is promoted, and the old primary keeps running. One instance of
 * the service keeps its sessions to the old primary. The other revokes keys through the new one. No verification that
 * begins after a revocation returned may accept the key.
 */
export async function runOrphanedPrimary(options: OrphanOptions): Promise<OrphanOutcome> {
  const { latchkey = sources.latchkey } = options;
  await using stack = new AsyncDisposableStack();
  options.within?.defer(() => stack.disposeAsync());
  const pair = stack.use(await startPair(options.makeSite));
  const [keptWay, newWay] = [
    stack.use(await startSwitch(pair.primary.url)),
    stack.use(await startSwitch(pair.primary.url)),
  ];
  const [orphaned, moved] = await Promise.all(
    [keptWay, newWay].map(({ url }) => startInstance([latchkey, "serve"], url, pair.platformToken)),
  );
  if (!orphaned || !moved) throw new Error("an instance is missing");
  stack.use(orphaned);
  stack.use(moved);
  const keys = await issueKeys(moved, orphaned, options.keys);
  const [canary] = await issueKeys(moved, orphaned, 1);

  await pair.promote();
  newWay.leadTo(pair.standby.url);
  newWay.cut();
  if (!options.stays) keptWay.leadTo(pair.standby.url);
  const outcome = await attack({ ...options, keys, moved, orphaned, kept: keptWay.kept });
  const recovered = canary !== undefined && (await isAccepted(orphaned, canary));
  return { ...outcome, recovered };
}

async function issueKeys(issuer: Instance, verifier: Instance, count: number): Promise<Key[]> {
  const keys: Key[] = [];
  async function issue(): Promise<void> {
    while (keys.length < count) {
      const key = { id: "", token: "", revokedAt: Number.POSITIVE_INFINITY };
      keys.push(key);
      const { apiKey } = await json(issuer, "ApiKeyService/CreateApiKey", {
        metadata: { name: "to revoke" },
      });
      Object.assign(key, { id: apiKey.metadata.id, token: apiKey.spec.token });
      // This puts the key into the cache of the other instance.
      await json(verifier, "TokenService/VerifyToken", { token: key.token });
    }
  }
  await Promise.all(Array.from({ length: revokers }, issue));
  return keys;
}

interface Attack extends Omit<OrphanOptions, "keys"> {
  keys: Key[];
  moved: Instance;
  orphaned: Instance;
  kept(): number;
}

async function attack(options: Attack) {
  const { keys, checks: enough, maxSeconds, checkers = defaultCheckers } = options;
  const { moved, orphaned, kept, onProgress } = options;
  const until = performance.now() + maxSeconds * 1_000;
  const revoked: Key[] = [];
  const responses: Record<string, number> = {};
  let [checks, late, worstMs, onOrphan, next] = [0, 0, 0, 0, 0];
  const goesOn = () => performance.now() < until && (checks < enough || revoked.length < keys.length);

  async function revoke(): Promise<void> {
    for (let key = keys[next++]; key && performance.now() < until; key = keys[next++]) {
      while (performance.now() < until) {
        const { status } = await moved
          .call("ApiKeyService/RevokeApiKey", { id: key.id }, callTimeoutMs)
          .catch(lost);
        if (status === 200) break;
        await delay(20);
      }
      key.revokedAt = performance.now();
      if (performance.now() < until) revoked.push(key);
    }
  }

  async function check(index: number): Promise<void> {
    for (let turn = index; goesOn(); turn++) {
      const key = revoked[revoked.length - 1 - Math.floor(Math.random() * Math.min(recent, revoked.length))];
      if (!key) {
        await delay(5);
        continue;
      }
      const startedAt = performance.now();
      const wasKept = kept() > 0;
      const body = { token: key.token, ...(turn % 2 === 0 && { fresh: true }) };
      const response = await orphaned.call("TokenService/VerifyToken", body, callTimeoutMs).catch(lost);
      const verdict = verdictOf(response);
      responses[verdict] = (responses[verdict] ?? 0) + 1;
      checks += 1;
      if (wasKept) onOrphan += 1;
      if (verdict !== "VERDICT_VALID") continue;
      late += 1;
      worstMs = Math.max(worstMs, startedAt - key.revokedAt);
    }
  }

  const progress = setInterval(() => {
    onProgress?.(`${revoked.length} revoked, ${checks} checks, ${late} late, ${kept()} sessions kept`);
  }, 1_000);
  await Promise.all([
    ...Array.from({ length: revokers }, revoke),
    ...Array.from({ length: checkers }, (_, index) => check(index)),
  ]);
  clearInterval(progress);
  return { revoked: revoked.length, checks, late, worstMs: Math.round(worstMs), responses, onOrphan };
}

async function isAccepted(instance: Instance, { token }: Key): Promise<boolean> {
  const response = await instance.call("TokenService/VerifyToken", { token }, callTimeoutMs).catch(lost);
  return verdictOf(response) === "VERDICT_VALID";
}

function lost(): CallResponse {
  return { status: 0, text: "{}" };
}

function verdictOf({ status, text }: CallResponse): string {
  return status === 200 ? JSON.parse(text).verdict : `HTTP ${status}`;
}

async function json(instance: Instance, method: string, body: object) {
  const { status, text } = await instance.call(method, body, callTimeoutMs);
  if (status !== 200) throw new Error(`${method}: status ${status}: ${text}`);
  return JSON.parse(text);
}
