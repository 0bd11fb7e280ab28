import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import { weightIn } from "./accept.ts";
import type { Endpoint, EndpointOptions } from "./endpoints.ts";

/** A public file: its bytes and the headers that describe them. */
export interface PublicFile {
  bytes: Buffer;
  headers: Record<string, string>;
}

/** A file in one encoding, with the headers that describe it: `etag`, and `content-encoding` if it is compressed. */
export interface FileBody {
  body: Buffer;
  headers: Record<string, string>;
}

/**
 * Creates an endpoint that answers GET with a file. The file is read for the first request. A client that has the file
 * already gets 304 (RFC 9110, 13.1.2). The endpoint compresses the file once.
 */
export function fileEndpoint(
  name: string,
  read: () => PublicFile,
  turns: FairTurns,
  { onOutcome, requestIdOf }: Pick<EndpointOptions, "onOutcome" | "requestIdOf">,
): Endpoint {
  let variants: { plain: FileBody; gzip: FileBody } | undefined;
  return {
    name,
    methods: ["GET"],
    turns,
    handle(request, response) {
      variants ??= variantsOf(read());
      const acceptsGzip = weightIn(String(request.headers["accept-encoding"] ?? ""), "gzip") > 0;
      const named = { "x-request-id": requestIdOf(request) };
      sendFile(request, response, named, acceptsGzip ? variants.gzip : variants.plain);
      onOutcome(request, name, "ok");
    },
  };
}

function variantsOf({ bytes, headers }: PublicFile): { plain: FileBody; gzip: FileBody } {
  const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  const shared = { ...headers, "cache-control": "no-cache", vary: "Origin, Accept-Encoding" };
  return {
    plain: { body: bytes, headers: { ...shared, etag: `"${hash}"` } },
    gzip: {
      body: gzipSync(bytes, { level: 9 }),
      headers: { ...shared, etag: `"${hash}-gzip"`, "content-encoding": "gzip" },
    },
  };
}

/** Sends a file, or 304 if the client has it already. */
export function sendFile(
  request: Request,
  response: Response,
  more: Record<string, string>,
  { body, headers: own }: FileBody,
): void {
  const headers: Record<string, string> = { ...own, ...more };
  if (isKnown(request.headers["if-none-match"], headers.etag ?? "")) {
    const { "content-type": _type, "content-encoding": _encoding, ...kept } = headers;
    response.writeHead(304, kept);
    response.end();
    return;
  }
  response.writeHead(200, { ...headers, "content-length": String(body.byteLength) });
  if (request.method === "HEAD") response.end();
  else response.end(body);
}

// The comparison is weak, as RFC 9110 wants it for If-None-Match.
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((one) => [etag, "*"].includes(one.trim().replace(/^W\//, "")));
}
