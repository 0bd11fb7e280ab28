import type { Request } from "./request.ts";

// RFC 9113, 6.5.2: the overhead that each header counts besides its name and its value.
const overheadBytes = 32;

/**
 * Returns whether the headers of a request are at most this large. Node enforces this by itself over HTTP/1.1. Over HTTP/2, it
 * enforces SETTINGS_MAX_HEADER_LIST_SIZE only after the client has acknowledged that setting.
 */
export function hasFittingHeaders(request: Request, maxBytes: number): boolean {
  if (!("stream" in request)) return true;
  let bytes = 0;
  for (const name in request.headers) {
    const value = request.headers[name];
    // Node joins most repeated headers. A list holds one value for each header.
    const count = typeof value === "object" ? value.length : 1;
    bytes +=
      count * (name.length + overheadBytes) +
      (typeof value === "object" ? value.join("") : (value ?? "")).length;
  }
  return bytes <= maxBytes;
}
