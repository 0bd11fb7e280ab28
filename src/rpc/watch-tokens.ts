import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type {
  WatchTokensRequest,
  WatchTokensResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { isPlatformKey } from "../domain/access/principal.ts";
import { databaseName } from "../verify/coherence/database-name.ts";
import type { Watcher, WatchMessage } from "../verify/coherence/watcher.ts";
import type { Watchers } from "../verify/coherence/watchers.ts";
import { timestamp } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";

// A crash of a guard loses at most the usage of this time.
const usageIntervalSeconds = 5;

/**
 * Serves the stream of a guard. The interceptor evaluates the bearer again before each message, and ends the stream if the
 * bearer may no longer use it.
 */
export async function* watchTokens(
  watchers: Watchers,
  requests: AsyncIterable<WatchTokensRequest>,
  context: HandlerContext,
): AsyncIterable<MessageInitShape<typeof WatchTokensResponseSchema>> {
  const caller = callerOf(context);
  const watcher = watchers.open(isPlatformKey(caller) ? undefined : caller.accountId);
  const { signal } = context;
  // A client that disconnects may leave this generator suspended for ever. The signal always ends with the call.
  signal.addEventListener("abort", () => watcher.close(signal.reason), { once: true });
  if (signal.aborted) watcher.close(signal.reason);
  void read(requests, watcher).then(
    () => watcher.close(),
    (error: unknown) => watcher.close(error),
  );
  try {
    for (let message = await watcher.next(); message; message = await watcher.next())
      yield toMessage(message);
  } finally {
    watcher.close();
  }
}

// Resolves when the guard has ended its side of the stream. Its last grant may still be in use.
async function read(requests: AsyncIterable<WatchTokensRequest>, watcher: Watcher): Promise<void> {
  for await (const { message } of requests) {
    if (message.case === "ping") watcher.ping(message.value.number);
    else if (message.case === "acknowledgement") watcher.acknowledge(message.value.number);
    else if (message.case === "release") watcher.release();
    // One message of each guard per turn of the event loop, so that a guard that sends many delays no other caller.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function toMessage(message: WatchMessage): MessageInitShape<typeof WatchTokensResponseSchema> {
  const { number } = message;
  if (message.kind === "invalidation") {
    return { message: { case: "invalidation", value: { number, tags: message.tags } } };
  }
  const { leftMs, databaseTime, server } = message;
  const granted = databaseTime !== undefined && {
    databaseTime: timestamp(new Date(Math.ceil(databaseTime))),
    database: databaseName(server),
  };
  const value = { number, left: durationFromMs(Math.floor(leftMs)), ...granted, usageIntervalSeconds };
  return { message: { case: "grant", value } };
}
