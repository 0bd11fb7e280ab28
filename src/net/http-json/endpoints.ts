import { isOpen } from "../fast-path/answer.ts";
import type { FastPath } from "../fast-path/fast-path.ts";
import type { HandlerOf, Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import { sendAnswer } from "./send.ts";

/** A path that answers by a standard of HTTP, and not as an RPC. */
export interface Endpoint {
  /** How the log and the metrics call it. */
  readonly name: string;
  /** The methods that reach `handle`. With GET, HEAD does too. For `any`, all methods do, OPTIONS included. */
  readonly methods: readonly string[] | "any";
  /** The turns in which its requests start. */
  readonly turns: FairTurns;
  /** Answers a request, without a body if the method is HEAD. Reads the body itself. */
  handle(request: Request, response: Response): void;
}

/** The endpoints by their paths, without the query. */
export interface EndpointTable {
  get(path: string): Endpoint | undefined;
}

/** What all endpoints depend on. */
export interface EndpointOptions {
  /** Returns the client of a request. Clients take turns. */
  clientOf(request: Request): string;
  /** Returns the id of a request, which every answer repeats. */
  requestIdOf(request: Request): string;
  /** Called with the name of the endpoint and the outcome if the endpoint itself is not reached. */
  onOutcome(request: Request, name: string, code: string): void;
  /** Called with what an endpoint throws, which is a bug. The client gets status 500. */
  onBug(error: unknown): void;
}

/**
 * Puts endpoints in front of the fast path. A method that the endpoint does not accept gets 405 with `Allow`. OPTIONS gets 204 with `Allow`.
 */
export function withEndpoints(
  endpoints: EndpointTable,
  options: EndpointOptions,
  { handler, plain }: FastPath,
): FastPath {
  function endpointOf({ url = "" }: Request): Endpoint | undefined {
    const query = url.indexOf("?");
    return endpoints.get(query < 0 ? url : url.slice(0, query));
  }

  function outer<Q extends Request, S extends Response>(next: HandlerOf<Q, S>): HandlerOf<Q, S> {
    return (request, response) => {
      const endpoint = endpointOf(request);
      if (!endpoint) return next(request, response);
      endpoint.turns.start(options.clientOf(request), () => {
        if (isOpen(response)) start(endpoint, options, request, response);
      });
    };
  }

  return {
    handler: outer(handler),
    plain: {
      // Node's own listeners answer `Expect: 100-continue`.
      accepts: (request) =>
        endpointOf(request) ? request.headers.expect === undefined : plain.accepts(request),
      handler: outer(plain.handler),
    },
  };
}

function start(endpoint: Endpoint, options: EndpointOptions, request: Request, response: Response): void {
  const { method = "" } = request;
  const named = () => ({ "x-request-id": options.requestIdOf(request) });
  try {
    if (accepts(endpoint, method)) endpoint.handle(request, response);
    else {
      const allow = allowedBy(endpoint).join(", ");
      const isAsked = method === "OPTIONS";
      options.onOutcome(request, endpoint.name, isAsked ? "ok" : "unimplemented");
      const text = isAsked ? "" : `use one of these methods: ${allow}\n`;
      sendAnswer(request, response, { status: isAsked ? 204 : 405, headers: { allow, ...named() }, text });
    }
  } catch (error) {
    options.onBug(error);
    options.onOutcome(request, endpoint.name, "internal");
    if (response.headersSent) response.destroy();
    else sendAnswer(request, response, { status: 500, headers: named(), text: "internal error\n" });
  }
}

function accepts({ methods }: Endpoint, method: string): boolean {
  if (methods === "any") return true;
  return methods.includes(method) || (method === "HEAD" && methods.includes("GET"));
}

function allowedBy({ methods }: Endpoint): string[] {
  const own = methods === "any" ? [] : methods;
  return [...own, ...(own.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
}
