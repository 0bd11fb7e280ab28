import { Code } from "@connectrpc/connect";
import { expect } from "vitest";
import { rotate } from "../actors/api-key.ts";
import { type Clients, issueKey } from "../app.ts";
import { type ModelAccount, type ModelKey, type ModelLimit, mayCall, rootOfChild } from "./model.ts";

/** An account, with the callers that change it through both instances in turns. */
export interface World extends ModelAccount {
  id: string;
  owner: Clients;
  platform: Clients;
  clientAs(token: string): Clients;
}

/** The numbers of a step. */
export interface Numbers {
  a: number;
  b: number;
  c: number;
}

const permissions = ["agents:read", "api_keys:write"];
const day = { period: { seconds: 86_400n } };
let names = 0;

// Each limit gets a new name, because a limit that keeps its name keeps what was taken from it.
function limitsOf({ b, c }: Numbers): ModelLimit[] {
  return Array.from({ length: b % 3 }, (_, n) => {
    names += 1;
    const limit = 1 + ((b + 3 * n) % 7);
    return { name: `limit${names}`, limit, cost: 1 + (c % Math.min(2, limit)), used: 0 };
  });
}

function rateLimits(limits: readonly ModelLimit[]) {
  return limits.map(({ name, limit, cost }) => ({ name, limit, cost, ...day }));
}

/** Creates a key of the model. */
export async function createKey(world: World, numbers: Numbers): Promise<void> {
  const limits = numbers.a % 2 ? limitsOf(numbers) : [];
  const spec = { permissions, rateLimits: rateLimits(limits) };
  const { id, token } = await issueKey(world.owner, { spec });
  world.keys.push({ id, token, limits, credits: undefined, revoked: false, disabled: false });
}

/** A change of an account, most often of one of its keys. */
export type Command = (world: World, key: ModelKey, numbers: Numbers) => Promise<void>;

/** The changes. Each makes its change in the service, and then in the model. */
export const commands: Record<string, Command> = {
  createKey: (world, _key, numbers) => createKey(world, numbers),
  async limitKey({ owner }, key, numbers) {
    const limits = limitsOf(numbers);
    const updateMask = { paths: ["spec.rate_limits"] };
    if (key.revoked || key.root) return;
    await owner.apiKeys.updateApiKey({ id: key.id, spec: { rateLimits: rateLimits(limits) }, updateMask });
    key.limits = limits;
  },
  // A key with limits makes only keys that draw on its counters.
  async mintKey(world, key) {
    if (key.revoked || key.disabled) return;
    const made = issueKey(world.clientAs(key.token), { spec: { permissions } });
    if (!mayCall(world, key)) return expect(made).rejects.toMatchObject({ code: Code.ResourceExhausted });
    const { id, token, info } = await made;
    const root = rootOfChild(key);
    expect(info?.limitedByKeyId).toBe(root?.id ?? "");
    const child = { id, token, limits: [], credits: undefined, revoked: false, disabled: false };
    world.keys.push({ ...child, ...(root && { root }) });
  },
  async limitAccount(world, _key, numbers) {
    const limits = limitsOf(numbers);
    await world.platform.accounts.setRateLimits({ accountId: world.id, rateLimits: rateLimits(limits) });
    world.limits = limits;
  },
  async setCredits(world, key, { a, b }) {
    const target = a % 3 ? key : world;
    if (key.revoked || key.root) return;
    await world.platform.accounts.setCredits({
      ...{ accountId: world.id, keyId: a % 3 ? key.id : "", credits: { remaining: b % 9 } },
    });
    target.credits = b % 9;
  },
  async removeCredits(world, key, { a }) {
    const target = a % 2 ? key : world;
    if (target.credits === undefined || key.revoked || key.root) return;
    await world.platform.accounts.removeCredits({ accountId: world.id, keyId: a % 2 ? key.id : "" });
    target.credits = undefined;
  },
  async revokeKey({ owner }, key, { b }) {
    if (b % 3) return;
    await owner.apiKeys.revokeApiKey({ id: key.id });
    key.revoked = true;
  },
  async switchKey({ owner }, key) {
    if (key.revoked) return;
    if (key.disabled) await owner.apiKeys.enableApiKey({ id: key.id });
    else await owner.apiKeys.disableApiKey({ id: key.id });
    key.disabled = !key.disabled;
  },
  async rotateKey({ owner }, key) {
    if (!key.revoked) key.token = await rotate(owner, key.id, 0);
  },
};
