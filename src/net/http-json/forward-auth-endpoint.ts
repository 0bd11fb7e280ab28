import { headerReader } from "../fast-path/admission.ts";
import { isOpen } from "../fast-path/answer.ts";
import { countOfHeader } from "../raw-headers.ts";
import type { Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import type { Endpoint } from "./endpoints.ts";

/** A request of a gateway: the query of its URL, and the headers. */
export interface GatewayRequest {
  query: string;
  headers: Pick<Headers, "get" | "has">;
  /** Whether there is more than one `Authorization` header. Node's own list of headers has only the first. */
  isRepeated: boolean;
}

/** The answer to a gateway. */
export interface GatewayAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What the endpoint for gateways depends on. */
export interface ForwardAuthOptions {
  name: string;
  turns: FairTurns;
  answer(request: GatewayRequest, from: Request): GatewayAnswer | Promise<GatewayAnswer>;
  /** Called with what `answer` throws, which is a bug. The gateway gets status 503, and refuses its client. */
  onBug(error: unknown): void;
}

/**
 * Creates the endpoint that gateways ask whether a request may pass. Each method is answered alike, because some gateways use
 * that of their client. The body of a request is never read.
 */
export function forwardAuthEndpoint({ name, turns, answer, onBug }: ForwardAuthOptions): Endpoint {
  function fail(request: Request, response: Response, error: unknown): void {
    onBug(error);
    if (isOpen(response)) send(request, response, { status: 503, headers: {}, body: "" });
  }

  return {
    name,
    methods: "any",
    turns,
    handle(request, response) {
      try {
        const answered = answer(gatewayRequest(request), request);
        if (!(answered instanceof Promise)) {
          send(request, response, answered);
          return;
        }
        answered
          .then((late) => {
            if (isOpen(response)) send(request, response, late);
          })
          .catch((error: unknown) => fail(request, response, error));
      } catch (error) {
        fail(request, response, error);
      }
    },
  };
}

function gatewayRequest({ url = "", headers, rawHeaders }: Request): GatewayRequest {
  const at = url.indexOf("?");
  return {
    query: at < 0 ? "" : url.slice(at + 1),
    headers: headerReader(headers),
    isRepeated: countOfHeader(rawHeaders, "authorization") > 1,
  };
}

function send({ method }: Request, response: Response, { status, headers, body }: GatewayAnswer): void {
  headers["content-length"] ??= String(Buffer.byteLength(body));
  response.writeHead(status, headers);
  if (body === "" || method === "HEAD") response.end();
  else response.end(body);
}
