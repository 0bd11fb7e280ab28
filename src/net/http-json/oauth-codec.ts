import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Codec } from "../fast-path/codec.ts";
import { readForm } from "./form.ts";
import { oauthError, oauthErrorBody } from "./oauth-error.ts";

/** How an endpoint of OAuth reads its form and writes its answer. */
export interface OAuthFormat {
  /** Names the format. Each endpoint has another one. */
  form: string;
  /** Returns the request message of a form. The parameter `token` is present. */
  requestOf(parameters: ReadonlyMap<string, string>): Message;
  /** Returns the body of the answer, or undefined if it is empty. */
  bodyOf(response: Message): object | undefined;
}

/** The challenge of HTTP Basic, which clients of OAuth use. */
export const basicChallenge = 'Basic realm="latchkey"';

// The answer to a question about a token is never stored: a stored one could be outdated.
const noStore = { "cache-control": "no-store", pragma: "no-cache" };

/** Creates the codec of an endpoint of OAuth: a form in the request, JSON in the response (RFC 7009, RFC 7662). */
export function oauthCodec({ form, requestOf, bodyOf }: OAuthFormat): Codec {
  return {
    form,
    head: () => ({}),
    isEnough: (size, _first, maxBytes) => size > maxBytes,

    async parse({ maxBytes }, body) {
      if (body.length > maxBytes) throw invalid(`the body is larger than ${maxBytes} bytes`);
      const read = readForm(body);
      if ("problem" in read) throw invalid(read.problem);
      if (read.parameters.has("client_secret") || read.parameters.has("client_assertion"))
        throw unsupported();
      if (!read.parameters.has("token")) throw invalid("the parameter token is missing");
      return requestOf(read.parameters);
    },

    encode(_method, message) {
      const body = bodyOf(message);
      return body ? JSON.stringify(body).replaceAll(/[^\0-\x7f]/g, escaped) : "";
    },

    // These formats have no fields that change with each call.
    extend: (payload) => payload,

    send(response, headers, payload) {
      const type = payload.length > 0 && { "content-type": "application/json" };
      const length = { "content-length": String(payload.length) };
      response.writeHead(200, { ...headers, ...noStore, ...type, ...length });
      response.end(payload, "latin1");
    },

    fail(response, headers, failure) {
      const { status, error, description } = oauthError(failure);
      const text = oauthErrorBody({ error, description });
      const all: Record<string, string> = { ...headers, ...Object.fromEntries(failure.metadata), ...noStore };
      if (status === 401) all["www-authenticate"] = [all["www-authenticate"], basicChallenge].join(", ");
      all["content-type"] = "application/json";
      all["content-length"] = String(Buffer.byteLength(text));
      response.writeHead(status, all);
      response.end(text);
    },
  };
}

function unsupported(): ConnectError {
  const message = "send client authentication in the Authorization header: HTTP Basic, or a bearer";
  return new ConnectError(message, Code.Unauthenticated);
}

function invalid(problem: string): ConnectError {
  return new ConnectError(problem, Code.InvalidArgument);
}

// Node sends the head and the body in one packet only if the body is ASCII.
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
