import { Code, ConnectError } from "@connectrpc/connect";

/** The headers of a request. Names are in lower case. */
export type HeaderReader = Pick<Headers, "get" | "has">;

/**
 * Returns the `Authorization` header that a request of plain HTTP stands for, or undefined if it has no bearer. The scheme
 * `Token` and the header `X-Api-Key` are aliases of `Bearer`. Throws if the request has two bearers that differ.
 */
export function authorizationOf(headers: HeaderReader): string | undefined {
  const authorization = headers.get("authorization")?.replace(tokenScheme, "Bearer ");
  const apiKey = headers.get("x-api-key");
  if (apiKey === null || apiKey === "") return authorization;
  if (authorization !== undefined && authorization !== "" && bearerOf(authorization) !== apiKey) {
    throw new ConnectError(
      "the headers Authorization and X-Api-Key have different tokens: send one of them",
      Code.InvalidArgument,
    );
  }
  return `Bearer ${apiKey}`;
}

/** Returns a reader of the same headers in which `authorization` is the value of `authorizationOf`. */
export function withAuthorization(headers: HeaderReader): HeaderReader {
  // Most clients send a bearer as it is.
  if (!headers.has("x-api-key") && !tokenScheme.test(headers.get("authorization") ?? "")) return headers;
  const authorization = authorizationOf(headers);
  return {
    has: (name) => (name === "authorization" ? authorization !== undefined : headers.has(name)),
    get: (name) => (name === "authorization" ? (authorization ?? null) : headers.get(name)),
  };
}

const tokenScheme = /^Token +/i;

function bearerOf(authorization: string): string | undefined {
  return /^Bearer +(.*)$/i.exec(authorization)?.[1];
}
