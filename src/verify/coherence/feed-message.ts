/** The channel that every instance listens to. The triggers of the database send invalidations there. */
export const feedChannel = "latchkey";

/** Returns the channel on which an instance receives acknowledgements. */
export function ackChannel(instance: string): string {
  return `latchkey_answer_${instance}`;
}

/** A message on the feed. `instance` is the random name of the instance that sent it. */
export type FeedMessage =
  | Invalidation
  | { kind: "change marker"; instance: string; change: string }
  | { kind: "acknowledgement"; instance: string; change: string }
  | { kind: "exact acknowledgement"; instance: string; changes: string[] }
  | { kind: "heartbeat"; instance: string; number: string; leaseMs: number }
  | { kind: "departure"; instance: string };

/** What a change invalidated. Without tags, it only says which accounts a transaction concerns. */
export interface Invalidation {
  kind: "invalidation";
  tags: string[];
  /** The accounts that the message names beside the tags. `*` is every account. */
  accounts: string[];
}

/** The accounts that something concerns. */
export type Accounts = "all" | ReadonlySet<string>;

/** Returns the payload that marks the end of a change. The change's transaction sends it after all invalidations. */
export function changeMarkerPayload(instance: string, change: number): string {
  return `m ${instance} ${change}`;
}

/**
 * Returns the payload that a transaction sends directly before its change marker. It adds accounts to those that the
 * transaction invalidated. An instance that does not know the payload finds no entry with such tags.
 */
export function concernPayload(accounts: readonly string[] | "all"): string {
  if (accounts === "all" || accounts.length > maxNamedAccounts) return `i ${accountPrefix}*`;
  return ["i", `${accountPrefix}.`, ...accounts.map((id) => accountPrefix + id)].join(" ");
}

/** Returns the payload of the acknowledgement that `instance` sends for a change of another instance, and for all before it. */
export function ackPayload(instance: string, change: string): string {
  return `a ${instance} ${change}`;
}

/** Returns the payload of the acknowledgement for exactly these changes. Earlier versions of the server ignore it. */
export function exactAckPayload(instance: string, changes: readonly string[]): string {
  return `e ${instance} ${changes.join(" ")}`;
}

/** Returns the payload of a heartbeat of an instance whose lease has this length. */
export function heartbeatPayload(instance: string, number: number, leaseMs: number): string {
  return `b ${instance} ${number} ${leaseMs}`;
}

/** Returns the payload that tells all other instances that this one stops. */
export function departurePayload(instance: string): string {
  return `x ${instance}`;
}

const invalidationPrefix = "i ";
const accountPrefix = "@";
// A payload has at most 8,000 bytes.
const maxNamedAccounts = 100;
const exactAck = /^e ([0-9a-f]{18})((?: \d{1,15}){1,400})$/;
// The kind, the name of the instance, the number of a change or a heartbeat, and the length of a lease.
const instancePayload = /^([mabx]) ([0-9a-f]{18})(?: (\d{1,15}))?(?: (\d{1,6}))?$/;

/** Returns the message of a payload, or undefined if no instance sends such a payload. */
export function parseFeedMessage(payload: string): FeedMessage | undefined {
  if (payload.startsWith(invalidationPrefix)) {
    return parseInvalidation(payload.slice(invalidationPrefix.length).split(" "));
  }
  const [, acknowledging, changes] = exactAck.exec(payload) ?? [];
  if (acknowledging !== undefined && changes !== undefined) {
    return {
      kind: "exact acknowledgement",
      instance: acknowledging,
      changes: changes.slice(1).split(" "),
    };
  }
  const [, kind, instance, number, leaseMs] = instancePayload.exec(payload) ?? [];
  if (instance === undefined) return undefined;
  if (kind === "x") return { kind: "departure", instance };
  if (number === undefined) return undefined;
  if (kind === "m") return { kind: "change marker", instance, change: number };
  if (kind === "a") return { kind: "acknowledgement", instance, change: number };
  return leaseMs === undefined
    ? undefined
    : { kind: "heartbeat", instance, number, leaseMs: Number(leaseMs) };
}

function parseInvalidation(items: readonly string[]): Invalidation {
  const tags = items.filter((item) => !item.startsWith(accountPrefix));
  const accounts = items.flatMap((item) => (item.startsWith(accountPrefix) ? [item.slice(1)] : []));
  return { kind: "invalidation", tags, accounts: accounts.filter((id) => id !== ".") };
}
