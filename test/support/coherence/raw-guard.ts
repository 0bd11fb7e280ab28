import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import {
  TokenService,
  type WatchTokensRequestSchema,
  type WatchTokensResponse,
} from "../../../gen/latchkey/v1/token_service_pb.ts";

/** A guard that does only what a test tells it. */
export interface RawGuard {
  /** Sends a ping and returns what is left of the grant, in milliseconds. Zero is no grant. */
  ping(): Promise<number>;
  /** Acknowledges all invalidations that it has received. */
  acknowledge(): void;
  /** Acknowledges each invalidation as soon as it arrives. */
  obey(): void;
  release(): void;
  /** Returns the tags of all invalidations so far. */
  tags(): string[];
  /** Resolves when an invalidation with this tag has arrived. */
  received(tag: string): Promise<void>;
  /** Returns the time of the database in the last grant, in milliseconds. */
  databaseTime(): number | undefined;
  /** Ends the stream with a reset. */
  reset(): void;
  /** Resolves with the error that the stream ends with, or with undefined. */
  ended: Promise<unknown>;
}

type Sent = MessageInitShape<typeof WatchTokensRequestSchema>["message"];

/** Opens the stream of a guard until the test ends. */
export function openRawGuard(url: string, token: string, headers: Record<string, string> = {}): RawGuard {
  const queue = createQueue<Sent>();
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const { watchTokens } = createClient(TokenService, createGrpcTransport({ baseUrl: url }));
  const responses = watchTokens(
    (async function* () {
      for await (const message of queue.items()) yield message ? { message } : {};
    })(),
    { headers: { ...headers, authorization: `Bearer ${token}` }, signal: abort.signal },
  );
  const tags: string[] = [];
  const waiting = new Set<() => void>();
  let obedient = false;
  let pings = 0;
  let last = 0;
  let databaseTime: number | undefined;
  const grants = new Map<number, (leftMs: number) => void>();

  const acknowledge = () => queue.push({ case: "acknowledgement", value: { number: last } });

  function receive({ message }: WatchTokensResponse): void {
    if (message.case === "grant") {
      const { number, left } = message.value;
      databaseTime = message.value.databaseTime && timestampMs(message.value.databaseTime);
      grants.get(number)?.(left ? durationMs(left) : 0);
    }
    if (message.case !== "invalidation") return;
    last = message.value.number;
    tags.push(...message.value.tags);
    if (obedient) acknowledge();
    for (const wake of waiting) wake();
  }

  const ended = (async () => {
    for await (const response of responses) receive(response);
  })().catch((error: unknown) => error);

  return {
    ping() {
      pings += 1;
      const number = pings;
      queue.push({ case: "ping", value: { number } });
      return new Promise((resolve) => grants.set(number, resolve));
    },
    acknowledge,
    obey() {
      obedient = true;
    },
    release: () => queue.push({ case: "release", value: {} }),
    tags: () => [...tags],
    async received(tag) {
      while (!tags.includes(tag)) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
    databaseTime: () => databaseTime,
    reset: () => abort.abort(),
    ended,
  };
}

function createQueue<T>() {
  const items: T[] = [];
  let wake = () => {};
  return {
    push(item: T): void {
      items.push(item);
      wake();
    },
    async *items(): AsyncIterable<T> {
      for (;;) {
        const item = items.shift();
        if (item !== undefined) yield item;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}
