import type { Operation, PathItem, Response, Schema } from "./document.ts";

const form = "application/x-www-form-urlencoded";
const schema = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const token: Schema = { type: "string", minLength: 1, description: "The token.", writeOnly: true };
const hint: Schema = {
  type: "string",
  description: "Accepted and ignored, because a token says itself what it is.",
};

/** The endpoints of OAuth. They answer by their RFCs and not with the errors of HTTP/JSON. */
export const oauthPaths: Record<string, PathItem> = {
  "/v1/oauth/introspect": {
    post: operation({
      operationId: "introspectToken",
      summary: "Introspect a token",
      description:
        "Token introspection by RFC 7662. A token that is unknown, has ended or belongs to another account gets " +
        '`{"active": false}` and nothing else. The answer comes from the same cache as `VerifyToken` and is never stale.\n\n' +
        "**Access:** needs the permission `tokens:verify`. The caller sends its own token as a bearer, or as the client secret of HTTP Basic.",
      security: [{ bearer: [] }, { basic: [] }],
      properties: {
        token,
        token_type_hint: hint,
        account_id: { type: "string", description: "The account that the token must be valid in." },
      },
      success: {
        description: "The state of the token.",
        content: { "application/json": { schema: schema("Introspection") } },
      },
    }),
  },
  "/v1/oauth/revoke": {
    post: operation({
      operationId: "revokeOAuthToken",
      summary: "Revoke a token",
      description:
        "Token revocation by RFC 7009. The token itself is the authorisation. The response for an unknown token is the same.\n\n" +
        "**Access:** public. Client authentication that is sent and wrong gets 401.",
      security: [{}, { bearer: [] }, { basic: [] }],
      properties: { token, token_type_hint: hint },
      success: { description: "The token is not valid any more. The body is empty." },
    }),
  },
};

/** The schemas of OAuth. */
export const oauthComponents: Record<string, Schema> = {
  Introspection: {
    type: "object",
    description:
      "The state of a token (RFC 7662, section 2.2). Only an active token has other members than `active`.",
    required: ["active"],
    properties: {
      active: { type: "boolean", description: "Whether the token is accepted." },
      scope: { type: "string", description: "The permissions, separated by spaces." },
      client_id: { type: "string", description: "The id of the key, or of the user." },
      username: { type: "string", description: "The e-mail address of a person." },
      token_type: { type: "string", const: "Bearer" },
      exp: { type: "integer", description: "The end of the token, in seconds since 1970." },
      sub: { type: "string", description: "The id of the acting profile." },
      account_id: { type: "string", description: "The account." },
      key_id: { type: "string", description: "The id of the key." },
      environment: { type: "string", enum: ["test", "live"] },
      kind: { type: "string", enum: ["user", "application", "service", "developer"] },
    },
  },
  OAuthError: {
    type: "object",
    description: "An error of OAuth (RFC 6749, section 5.2).",
    required: ["error", "error_description"],
    properties: {
      error: {
        type: "string",
        enum: [
          "invalid_request",
          "invalid_client",
          "insufficient_scope",
          "unauthorized_client",
          "unsupported_token_type",
          "temporarily_unavailable",
          "server_error",
        ],
      },
      error_description: { type: "string", description: "What is wrong, for a person." },
    },
  },
};

interface Endpoint extends Pick<Operation, "operationId" | "summary" | "description" | "security"> {
  properties: Record<string, Schema>;
  success: Response;
}

function operation({ properties, success, ...rest }: Endpoint): Operation {
  const body: Schema = { type: "object", required: ["token"], properties };
  return {
    tags: ["OAuth"],
    ...rest,
    requestBody: { required: true, content: { [form]: { schema: body } } },
    responses: {
      "200": success,
      "405": {
        description: "The method is not POST.",
        content: { "text/plain": { schema: { type: "string" } } },
      },
      default: {
        description: "An error of OAuth.",
        content: { "application/json": { schema: schema("OAuthError") } },
      },
    },
  };
}
