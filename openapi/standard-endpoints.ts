import type { MediaType, Operation, PathItem, Response, Schema } from "./document.ts";
import { gatewayPaths } from "./gateway.ts";
import { oauthComponents, oauthPaths } from "./oauth.ts";

/** The tags of the endpoints that are no RPCs. */
export const standardTags = [
  { name: "OAuth", description: "Token introspection (RFC 7662) and token revocation (RFC 7009)." },
  { name: "Gateway", description: "For gateways that ask before they pass a request on." },
  { name: "Server", description: "The probes of the server, and its reference." },
];

/** The paths that are no RPCs. No schema declares them, so they are written by hand. */
export const standardPaths: Record<string, PathItem> = {
  ...gatewayPaths,
  ...oauthPaths,
  "/healthz": { get: probe("health", "Liveness", "Answers 200 while the process runs.", ["200"]) },
  "/readyz": {
    get: probe("readiness", "Readiness", "Answers 200 if this instance can evaluate tokens.", ["200", "503"]),
  },
  "/openapi.json": {
    get: file("openApi", "OpenAPI document", "Returns this document.", { "application/json": anyObject() }),
  },
  "/docs": {
    get: file("docs", "Reference", "Returns this document as a page for people. The page has no script.", {
      "text/html": { schema: { type: "string" } },
    }),
  },
};

/** The schemas that these paths refer to. */
export const standardComponents: Record<string, Schema> = oauthComponents;

function probe(operationId: string, summary: string, description: string, statuses: string[]): Operation {
  const content: Record<string, MediaType> = { "text/plain": { schema: { type: "string" } } };
  const answers: Record<string, Response> = {
    "200": { description: "Yes.", content },
    "503": { description: "No. The text says why.", content },
  };
  return {
    tags: ["Server"],
    operationId,
    summary,
    description,
    security: [],
    responses: {
      ...Object.fromEntries(Object.entries(answers).filter(([status]) => statuses.includes(status))),
      "405": { description: "The method is not GET or HEAD.", content },
    },
  };
}

function file(
  operationId: string,
  summary: string,
  description: string,
  content: Record<string, MediaType>,
): Operation {
  return {
    tags: ["Server"],
    operationId,
    summary,
    description,
    security: [],
    responses: {
      "200": { description: "The document.", content },
      "304": { description: "The document has the `ETag` of the request's `If-None-Match`." },
      "405": {
        description: "The method is not GET or HEAD.",
        content: { "text/plain": { schema: { type: "string" } } },
      },
    },
  };
}

function anyObject(): MediaType {
  return { schema: { type: "object", additionalProperties: true } };
}
