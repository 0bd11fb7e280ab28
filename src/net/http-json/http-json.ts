import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { isHttp2 } from "../exchange.ts";
import { headerReader } from "../fast-path/admission.ts";
import { answerCall, isOpen } from "../fast-path/answer.ts";
import type { FastPathGroup, FastPathMethod, FastPathOptions } from "../fast-path/codec.ts";
import type { FastPath } from "../fast-path/fast-path.ts";
import type { Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import { nameAccount } from "./account.ts";
import { withAuthorization } from "./bearer.ts";
import { httpJsonCodec, sendError } from "./codec.ts";
import { type ErrorRequest, httpError, httpErrorOf } from "./error-body.ts";
import { type Parameter, parseQuery } from "./query.ts";
import { type Route, routesOf } from "./route.ts";
import { createFind, type Entry, type Match } from "./trie.ts";
import { type SecretSearch, tokenInUrl } from "./url-secrets.ts";

/** What HTTP/JSON depends on. */
export interface HttpJsonOptions extends FastPathOptions, SecretSearch {
  requestIdOf(request: Request): string;
  /** Called with the code of the error if a request reaches no method. */
  onRefusal(code: string, request: Request): void;
}

interface Target {
  route: Route;
  method: FastPathMethod;
  turns: FairTurns;
}

/**
 * Puts the HTTP/JSON interface of some methods in front of the fast path: the routes of the option `google.api.http`, by the
 * rules of its comment. Requests with another path go to the fast path.
 */
export function withHttpJson(
  groups: readonly FastPathGroup[],
  options: HttpJsonOptions,
  { handler, plain }: FastPath,
): FastPath {
  const find = createFind(entriesOf(groups));

  // HEAD has the response of GET, without its body.
  function matchOf({ url = "", method = "" }: Request): Match<Target> | undefined {
    const [path] = splitUrl(url);
    return find(path, method === "HEAD" ? "GET" : method);
  }

  function tryAnswer(request: Request, response: Response): boolean {
    const match = matchOf(request);
    if (!match) return false;
    const { entry, segments, allowed } = match;
    if (!entry) refuseMethod(options, request, response, allowed);
    else {
      entry.value.turns.start(options.clientOf(request), () => {
        if (isOpen(response)) call(options, entry.value, segments, request, response);
      });
    }
    return true;
  }

  return {
    handler: (request, response) => tryAnswer(request, response) || handler(request, response),
    plain: {
      // Node's own listeners answer `Expect: 100-continue`.
      accepts: (request) =>
        matchOf(request) ? request.headers.expect === undefined : plain.accepts(request),
      handler: (request, response) => tryAnswer(request, response) || plain.handler(request, response),
    },
  };
}

// Most requests have no query.
const none: readonly Parameter[] = [];

function entriesOf(groups: readonly FastPathGroup[]): Entry<Target>[] {
  // A method may be in two groups. The last group decides.
  const methods = new Map(
    groups.flatMap(({ methods, turns }) =>
      methods.map((method) => [method.method, { method, turns }] as const),
    ),
  );
  return [...methods.values()].flatMap(({ method, turns }) =>
    routesOf(method.method).map((route) => {
      const { httpMethod, template } = route;
      return { httpMethod, template, value: { route, method, turns } };
    }),
  );
}

function call(
  options: HttpJsonOptions,
  { route, method }: Target,
  segments: readonly string[],
  request: Request,
  response: Response,
): void {
  const isHead = request.method === "HEAD";
  const errors = () => errorRequestOf(options, request);
  try {
    const [, query] = splitUrl(request.url ?? "");
    const all = query === "" ? none : parseQuery(query);
    const inUrl = tokenInUrl(options, route, segments, all);
    if (inUrl) throw inUrl;
    const { headers, parameters } = nameAccount(withAuthorization(headerReader(request.headers)), all);
    const hasNoBody = hasNoBodyIn(request, response);
    const { maxBytes } = method;
    const codec = httpJsonCodec({
      route,
      segments,
      parameters,
      headers,
      isHead,
      hasNoBody,
      maxBytes,
      errors,
    });
    answerCall(method, codec, options, request, response, headers);
  } catch (error) {
    if (!(error instanceof ConnectError)) options.onBug(error);
    const code = error instanceof ConnectError ? error.code : Code.Internal;
    options.onRefusal(codeToString(code), request);
    sendError(response, {}, httpErrorOf(error, route.method.input), errors(), isHead);
  }
}

function refuseMethod(
  options: HttpJsonOptions,
  request: Request,
  response: Response,
  methods: readonly string[],
): void {
  const all = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  const allow = [...new Set([...all, "OPTIONS"])].sort().join(", ");
  const errors = errorRequestOf(options, request);
  if (request.method === "OPTIONS") {
    response.writeHead(204, { allow, "x-request-id": options.requestIdOf(request) });
    response.end();
    return;
  }
  options.onRefusal(codeToString(Code.Unimplemented), request);
  const message = `this path accepts ${allow}, but the request is not one of them`;
  const error = httpError(405, "METHOD_NOT_ALLOWED", message, { allow });
  sendError(response, {}, error, errors, request.method === "HEAD");
}

function errorRequestOf({ requestIdOf }: HttpJsonOptions, request: Request): ErrorRequest {
  return { accept: request.headers.accept, requestId: requestIdOf(request) };
}

function splitUrl(url: string): [path: string, query: string] {
  const at = url.indexOf("?");
  return at === -1 ? [url, ""] : [url.slice(0, at), url.slice(at + 1)];
}

function hasNoBodyIn(request: Request, response: Response): boolean {
  const { "content-length": length, "transfer-encoding": transfer } = request.headers;
  if (isHttp2(response)) return response.stream.endAfterHeaders || length === "0";
  return transfer === undefined && (length === undefined || length === "0");
}
