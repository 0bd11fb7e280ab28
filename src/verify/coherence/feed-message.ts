/** The channel that every instance listens to. The triggers of the database send invalidations there. */
export const feedChannel = "latchkey";

/** Returns the channel on which an instance receives acknowledgements. */
export function ackChannel(instance: string): string {
  return `latchkey_answer_${instance}`;
}

/** A message on the feed. `instance` is the random name of the instance that sent it. */
export type FeedMessage =
  | { kind: "invalidation"; tags: string[] }
  | { kind: "change marker"; instance: string; change: string }
  | { kind: "acknowledgement"; instance: string; change: string }
  | { kind: "heartbeat"; instance: string; number: string; leaseMs: number }
  | { kind: "departure"; instance: string };

/** Returns the payload that marks the end of a change. The change's transaction sends it after all invalidations. */
export function changeMarkerPayload(instance: string, change: number): string {
  return `m ${instance} ${change}`;
}

/** Returns the payload of the acknowledgement that `instance` sends for a change of another instance. */
export function ackPayload(instance: string, change: string): string {
  return `a ${instance} ${change}`;
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
// The kind, the name of the instance, the number of a change or a heartbeat, and the length of a lease.
const instancePayload = /^([mabx]) ([0-9a-f]{18})(?: (\d{1,15}))?(?: (\d{1,6}))?$/;

/** Returns the message of a payload, or undefined if no instance sends such a payload. */
export function parseFeedMessage(payload: string): FeedMessage | undefined {
  if (payload.startsWith(invalidationPrefix)) {
    return { kind: "invalidation", tags: payload.slice(invalidationPrefix.length).split(" ") };
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
