import type { IncomingHttpHeaders } from "node:http";
import type { Request } from "../request.ts";

/** How a message is written: Connect's JSON, Connect's binary, or gRPC's framing. */
export type Form = "json" | "proto" | "grpc";

// A body that says it is longer goes to the ordinary handler; one that does not say is read up to the limit of both.
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
 * The form of a request that is as plain as the lane wants it; undefined for all that anything is unusual about.
 * What a client would accept compressed it accepts as it is, unless it says more by weights (RFC 9110, section 12.5.3).
 */
export function admit({ method, headers, httpVersionMajor }: Request): Form | undefined {
  const type = headers["content-type"];
  if (method !== "POST" || type === undefined || !Object.hasOwn(forms, type)) return undefined;
  const form = forms[type];
  const { "transfer-encoding": transfer, "content-length": length } = headers;
  if (headers["content-encoding"] !== undefined) return undefined;
  // Node answers it, over HTTP/1 before anybody else.
  if (headers.expect !== undefined && httpVersionMajor === 2) return undefined;
  if (transfer !== undefined && transfer !== "chunked") return undefined;
  if (length !== undefined && !(Number(length) <= maxAnnouncedBytes)) return undefined;
  if (form !== "grpc") return hasWeights(headers["accept-encoding"]) ? undefined : form;
  const encoding = headers["grpc-encoding"];
  const isPlain = encoding === undefined || encoding === "identity";
  return isPlain && httpVersionMajor === 2 && !hasWeights(headers["grpc-accept-encoding"]) ? form : undefined;
}

function hasWeights(accepted: string | string[] | undefined): boolean {
  return accepted?.includes(";") ?? false;
}

/** Reads node's headers as `Headers` would, without the cost of making one. Names are in lower case. */
export function headerReader(headers: IncomingHttpHeaders): Pick<Headers, "get" | "has"> {
  return {
    has: (name) => headers[name] !== undefined,
    get(name) {
      const value = headers[name];
      if (value === undefined) return null;
      return (typeof value === "string" ? value : value.join(", ")).replace(outerSpace, "");
    },
  };
}

const outerSpace = /^[\t\n\r ]+|[\t\n\r ]+$/g;
