import { fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { mergeNonProtocolHeaders } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeUnaryJson,
  contentTypeUnaryProto,
  errorToJsonBytes,
  headerTimeout,
  parseTimeout,
} from "@connectrpc/connect/protocol-connect";
import type { Codec } from "./codec.ts";

/** Creates the codec of Connect's unary protocol, in JSON or binary: https://connectrpc.com/docs/protocol#unary-request */
export function connectCodec(form: "json" | "proto"): Codec {
  const isJson = form === "json";
  const contentType = isJson ? contentTypeUnaryJson : contentTypeUnaryProto;
  // All requests share one decoder, because it keeps no state between two texts.
  const decoder = new TextDecoder();
  return {
    form,
    head: (headers, maxTimeoutMs) => parseTimeout(headers.get(headerTimeout.toLowerCase()), maxTimeoutMs),
    isEnough: (size, _first, maxBytes) => size > maxBytes,

    async parse({ method, maxBytes, check, parseError }, body, { jsonOptions, binaryOptions }) {
      if (body.length > maxBytes) throw tooLarge(maxBytes);
      check(body, isJson);
      try {
        return isJson
          ? fromJsonString(method.input, decoder.decode(body), jsonOptions)
          : fromBinary(method.input, body, binaryOptions);
      } catch {
        throw parseError(body, isJson);
      }
    },

    // The payload is a latin1 string, because node sends the head and the body in one packet only if the body is a string.
    encode({ method }, message, { jsonOptions }) {
      return isJson
        ? bytesOf(toJsonString(method.output, message, jsonOptions))
        : latin1(toBinary(method.output, message));
    },

    extend(payload, addition) {
      // In JSON, no message is empty, because fields without a value are written too.
      return isJson ? `${payload.slice(0, -1)},${addition.json()}}` : `${payload}${addition.binary()}`;
    },

    send(response, headers, payload) {
      headers["content-type"] = contentType;
      headers["content-length"] = String(payload.length);
      response.writeHead(200, headers);
      response.end(payload, "latin1");
    },

    fail(response, headers, error, { jsonOptions }) {
      const body = errorToJsonBytes(error, jsonOptions);
      const all = new Headers(headers);
      all.set("content-type", contentTypeUnaryJson);
      mergeNonProtocolHeaders(all, error.metadata);
      all.set("content-length", String(body.length));
      response.writeHead(codeToHttpStatus(error.code), Object.fromEntries(all));
      response.end(body);
    },
  };
}

/** Returns a text as the latin1 string of its UTF-8 bytes. */
export function bytesOf(text: string): string {
  return ascii.test(text) ? text : latin1(Buffer.from(text));
}

const ascii = /^[\0-\x7f]*$/;

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

// The text is connect's own. Connect does not export the function that creates this error.
function tooLarge(maxBytes: number): ConnectError {
  const message = `message size is larger than configured readMaxBytes ${maxBytes}`;
  return new ConnectError(message, Code.ResourceExhausted);
}
