import type { IncomingHttpHeaders } from "node:http";
import type { Request } from "../request.ts";

/** The format of a message: Connect's JSON, Connect's binary, or gRPC's framing. */
export type Form = "json" | "proto" | "grpc";

// The ordinary handler takes requests with a longer `Content-Length`. Without the header, the limit of the method applies.
const maxAnnouncedBytes = 64 * 1024;

const forms: Record<string, Form> = {
  "application/json": "json",
  "application/json; charset=utf-8": "json",
  "application/json;charset=utf-8": "json",
  "application/proto": "proto",
  "application/grpc": "grpc",
  "application/grpc+proto": "grpc",
};

/**
 * Returns the form of a request that the fast path accepts, or undefined if the request is unusual in any way. `maxBytes` is
 * the size limit of the method. The response is never compressed. A client that accepts compression also accepts no
 * compression, unless it sends weights that may forbid that (RFC 9110, section 12.5.3).
 */
export function admit({ method, headers, httpVersionMajor }: Request, maxBytes: number): Form | undefined {
  const type = headers["content-type"];
  if (method !== "POST" || type === undefined || !Object.hasOwn(forms, type)) return undefined;
  const form = forms[type];
  const { "transfer-encoding": transfer, "content-length": length } = headers;
  if (headers["content-encoding"] !== undefined) return undefined;
  // Over HTTP/1, node answers the expectation before any handler runs.
  if (headers.expect !== undefined && httpVersionMajor === 2) return undefined;
  if (transfer !== undefined && transfer !== "chunked") return undefined;
  if (length !== undefined && !(Number(length) <= Math.min(maxAnnouncedBytes, maxBytes))) return undefined;
  if (form !== "grpc") return hasWeights(headers["accept-encoding"]) ? undefined : form;
  const encoding = headers["grpc-encoding"];
  const isPlain = encoding === undefined || encoding === "identity";
  return isPlain && httpVersionMajor === 2 && !hasWeights(headers["grpc-accept-encoding"]) ? form : undefined;
}

function hasWeights(accepted: string | string[] | undefined): boolean {
  return accepted?.includes(";") ?? false;
}

/** Reads node's headers as `Headers` does, without the cost of creating one. Names are in lower case. */
export function headerReader(headers: IncomingHttpHeaders): Pick<Headers, "get" | "has"> {
  return {
    has: (name) => headers[name] !== undefined,
    get(name) {
      const value = headers[name];
      if (value === undefined) return null;
      return withoutOuterSpace(typeof value === "string" ? value : value.join(", "));
    },
  };
}

// A search for spaces at the end of a text takes quadratic time if spaces are in its middle. This takes linear time.
function withoutOuterSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

// Tab, line feed, carriage return and space, as for `Headers`.
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
