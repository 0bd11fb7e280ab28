import type { DescField } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { fieldsOf } from "./field-path.ts";
import type { Parameter } from "./query.ts";
import type { Route } from "./route.ts";

/** How a secret is recognized. */
export interface SecretSearch {
  /** Returns whether a text contains a token. */
  hasToken(text: string): boolean;
  /** Returns whether a field of the schema contains a secret. */
  isSecret(field: DescField): boolean;
}

// Names under which clients send credentials, in lower case and without punctuation.
const secretNames = new Set([
  "accesstoken",
  "apikey",
  "authorization",
  "authtoken",
  "bearer",
  "idtoken",
  "password",
  "refreshtoken",
  "secret",
  "token",
  "xapikey",
]);

/**
 * Returns the error of a URL with a token in it, or undefined. Proxies, browsers and logs keep URLs, so such a token is no
 * longer secret. The error does not quote it.
 */
export function tokenInUrl(
  search: SecretSearch,
  route: Route,
  segments: readonly string[],
  parameters: readonly Parameter[],
): ConnectError | undefined {
  if (route.pathFields.length === 0 && parameters.length === 0) return undefined;
  const inPath = route.pathFields.length > 0 && segments.some((one) => search.hasToken(decoded(one)));
  const inQuery = parameters.some(
    ([name, value]) => search.hasToken(name) || search.hasToken(value) || isSecretName(search, route, name),
  );
  if (!inPath && !inQuery) return undefined;
  return new ConnectError(
    "a token or a password must never be in a URL, because proxies, browsers and logs keep URLs: " +
      "send the token in the header Authorization or in the body, and revoke the one that was in the URL",
    Code.InvalidArgument,
  );
}

function isSecretName({ isSecret }: SecretSearch, { method }: Route, name: string): boolean {
  const fields = fieldsOf(method.input, name.split("."));
  return fields ? fields.some(isSecret) : secretNames.has(name.toLowerCase().replaceAll(/[^a-z]/g, ""));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
