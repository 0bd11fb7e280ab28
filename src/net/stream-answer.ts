import type { Http2SecureServer, Http2Server } from "node:http2";
import type { Exchanges } from "./exchange.ts";
import type { AnswerStream } from "./http2-connections.ts";
import type { PlainHandler } from "./request.ts";
import { StreamRequest, StreamResponse } from "./stream-exchange.ts";

/**
 * Takes over the streams of an HTTP/2 server. Returns the function that answers them: `plain` answers the requests that it
 * accepts, and node's own listeners create a request and a response for all others. The server must already have its
 * `request` listeners.
 */
export function createStreamAnswer(
  server: Http2Server | Http2SecureServer,
  exchanges: Exchanges,
  plain: PlainHandler = { accepts: () => false, handler: () => {} },
): AnswerStream {
  const handlePlain = exchanges.guard(plain.handler);
  const createRequest = server.listeners("stream");
  server.removeAllListeners("stream");

  return (stream, headers, more) => {
    // The listeners of node get the flags of the stream and then the raw headers.
    const [, rawHeaders] = more as [flags: number, rawHeaders: string[]];
    const request = new StreamRequest(stream, headers, rawHeaders);
    if (plain.accepts(request)) {
      handlePlain(request, new StreamResponse(stream));
      // A stream stays in memory until a full collection, and its listeners would stay with it.
      stream.on("close", () => stream.removeAllListeners());
    } else for (const listener of createRequest) listener.call(server, stream, headers, ...more);
  };
}
