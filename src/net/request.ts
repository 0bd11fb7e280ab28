import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { StreamRequest, StreamResponse } from "./stream-exchange.ts";

/** A request of either HTTP version. */
export type Request = NodeRequest | StreamRequest;
/** The response to a request of either HTTP version. */
export type Response = NodeResponse | StreamResponse;
/** Answers requests of some kinds. */
export type HandlerOf<Q extends Request, S extends Response> = (request: Q, response: S) => void;
/** A request as node makes it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** The response to it. */
export type NodeResponse = ServerResponse | Http2ServerResponse;
/** Answers requests as node makes them. */
export type Handler = HandlerOf<NodeRequest, NodeResponse>;

/** Answers those requests of HTTP/2 that it takes as they come, without node's own request and response. */
export type PlainHandler = {
  takes(request: StreamRequest): boolean;
  handler: HandlerOf<StreamRequest, StreamResponse>;
};
