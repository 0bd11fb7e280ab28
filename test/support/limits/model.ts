// A simple model of limits and credits, written from the design. It shares no code with the service. Each limit is so slow that
// nothing drains during a test.

/** A limit, and what was taken from it. */
export interface ModelLimit {
  name: string;
  limit: number;
  cost: number;
  used: number;
}

export interface ModelKey {
  id: string;
  token: string;
  limits: ModelLimit[];
  credits: number | undefined;
  revoked: boolean;
  disabled: boolean;
  /** The key on whose limits and credits it draws. Unset: its own. */
  root?: ModelKey;
}

/** An account with its keys. Its own limits and credits count for every key. */
export interface ModelAccount {
  keys: ModelKey[];
  limits: ModelLimit[];
  credits: number | undefined;
}

/** A verification. */
export interface ModelRequest {
  /** Whether the key holds the required permission. */
  permitted: boolean;
  cost: number | undefined;
  dryRun: boolean;
}

/** What a verification answers. `names` are the limits that the answer may name. The model leaves open what is undefined. */
export interface ModelAnswer {
  verdict: string;
  names: string[];
  remaining: number | undefined;
  /** The credits that are left of the record that has the least. */
  credits: number | undefined;
}

const nothing = { names: [], remaining: undefined, credits: undefined };

/** Returns the answer to a verification, and takes what it takes. */
export function answerTo(account: ModelAccount, key: ModelKey, request: ModelRequest): ModelAnswer {
  if (key.revoked) return { verdict: "REVOKED", ...nothing };
  if (key.disabled) return { verdict: "DISABLED", ...nothing };
  if (!request.permitted) return { verdict: "PERMISSION_DENIED", ...nothing };
  const root = key.root ?? key;
  const limits = [...root.limits, ...account.limits];
  const left = ({ limit, used }: ModelLimit) => limit - used;
  const needed = (one: ModelLimit) => request.cost ?? one.cost;
  const full = limits.filter((one) => needed(one) > 0 && needed(one) > left(one));
  if (full.length > 0) return { verdict: "RATE_LIMITED", ...nothing, names: namesOf(full) };
  const price = request.cost ?? 1;
  const records = [root, account].flatMap((one) => one.credits ?? []);
  const lacks = records.some((one) => one < price);
  if (!lacks && !request.dryRun) {
    for (const one of limits) one.used += needed(one);
    if (root.credits !== undefined) root.credits -= price;
    if (account.credits !== undefined) account.credits -= price;
  }
  const verdict = lacks ? "QUOTA_EXCEEDED" : "VALID";
  const taken = lacks || request.dryRun ? 0 : price;
  const credits = records.length > 0 ? Math.min(...records) - taken : undefined;
  if (limits.length === 0) return { verdict, ...nothing, credits };
  // If the credits refuse, the answer has the state before or after the call gave back what it had taken.
  const remaining = lacks ? undefined : Math.min(...limits.map(left));
  const names = lacks ? namesOf(limits) : namesOf(limits.filter((one) => left(one) === remaining));
  return { verdict, names, remaining, credits };
}

/** Returns whether a call to Latchkey by a key passes its limits, and takes from them. A call takes no credits. */
export function mayCall(account: ModelAccount, key: ModelKey): boolean {
  const limits = [...(key.root ?? key).limits, ...account.limits];
  if (limits.some(({ limit, used, cost }) => cost > limit - used)) return false;
  for (const one of limits) one.used += one.cost;
  return true;
}

/**
 * Returns the key on whose counters a new key draws that this key makes. Undefined: it draws on its own, also if this key draws
 * on a key without limits and credits.
 */
export function rootOfChild(key: ModelKey): ModelKey | undefined {
  const root = key.root ?? key;
  return root.limits.length > 0 || root.credits !== undefined ? root : undefined;
}

function namesOf(limits: readonly ModelLimit[]): string[] {
  return limits.map(({ name }) => name);
}
