import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { StreamRequest, StreamResponse } from "./stream-exchange.ts";

/** A request of either HTTP version. */
export type Request = NodeRequest | StreamRequest;
/** The response to a request of either HTTP version. */
export type Response = NodeResponse | StreamResponse;
/** Answers requests of type `Q` with responses of type `S`. */
export type HandlerOf<Q extends Request, S extends Response> = (request: Q, response: S) => void;
/** A request object of node. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** A response object of node. */
export type NodeResponse = ServerResponse | Http2ServerResponse;
/** Answers requests with node's request and response objects. */
export type Handler = HandlerOf<NodeRequest, NodeResponse>;

/** Answers the HTTP/2 requests that it accepts directly on their streams, without node's request and response objects. */
export type PlainHandler = {
  accepts(request: StreamRequest): boolean;
  handler: HandlerOf<StreamRequest, StreamResponse>;
};
