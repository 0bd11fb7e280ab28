import { identityHeaders as identityNames } from "../src/rpc/gateway/identity.ts";
import type { Header, Operation, Parameter, PathItem, Response } from "./document.ts";

/** The headers in which a gateway learns the bearer of a request. */
export const identityHeaders: Record<string, Header> = Object.fromEntries(
  identityNames.map((name) => [
    name,
    {
      description: "One of the identity headers. It is always present, and empty if it does not apply.",
      required: true,
      schema: { type: "string" },
    },
  ]),
);

/** The endpoint of gateways. It answers every method alike. The document names GET, which gateways use. */
export const gatewayPaths: Record<string, PathItem> = {
  "/v1/forward_auth": {
    "x-any-method": true,
    get: {
      tags: ["Gateway"],
      operationId: "forwardAuth",
      summary: "Ask whether a request may pass",
      description:
        "For nginx `auth_request`, Caddy `forward_auth` and Traefik ForwardAuth. The gateway passes the `Authorization` or `X-Api-Key` header of its client. " +
        "The query says what the route requires. The operator writes it in the configuration of the gateway. " +
        "Every answer has all identity headers. The endpoint answers every method in the same way.\n\n" +
        "**Access:** needs a key with the permission `tokens:verify`. The gateway sends it in `Latchkey-Verifier`.",
      security: [{ verifier: [] }],
      parameters: [
        query(
          "permission",
          "A permission that the client must hold. It may be repeated, or be a list with commas.",
          true,
        ),
        query(
          "entitlement",
          "An entitlement that the account must have. It may be repeated, or be a list with commas.",
          true,
        ),
        query("workspace_id", "The workspace that the client must be able to enter."),
        query("account_id", "The account that the client must act in."),
        query("environment", "The environment of the client's key.", false, ["live", "test"]),
        query(
          "deny_429_as",
          "With `403`, a refusal by a rate limit has status 403, because nginx turns 429 into 500.",
          false,
          ["403"],
        ),
      ],
      responses: responses(),
    },
  },
};

function query(name: string, description: string, isList = false, values?: string[]): Parameter {
  const one = { type: "string", ...(values && { enum: values }) };
  return { name, in: "query", description, schema: isList ? { type: "array", items: one } : one };
}

function responses(): Operation["responses"] {
  const headers = Object.fromEntries(
    ["X-Request-Id", ...identityNames].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const refused = (description: string, more: Record<string, { $ref: string }> = {}): Response => ({
    description,
    headers: { ...headers, ...more },
    content: {
      "application/json": { schema: ref("ErrorResponse") },
      "application/problem+json": { schema: ref("ProblemDetails") },
    },
  });
  return {
    "200": { description: "The request may pass. The body is empty.", headers },
    "401": refused("The client or the gateway has no valid token.", {
      "WWW-Authenticate": { $ref: "#/components/headers/WWW-Authenticate" },
    }),
    "403": refused("The client may not do this, or the query is wrong."),
    "429": refused("A rate limit is exhausted."),
    "503": refused("The server cannot answer now. The gateway must not let the request pass."),
  };
}
