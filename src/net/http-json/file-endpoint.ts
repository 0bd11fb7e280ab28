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

interface Variant {
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
  let variants: { plain: Variant; gzip: Variant } | undefined;
  return {
    name,
    methods: ["GET"],
    turns,
    handle(request, response) {
      variants ??= variantsOf(read());
      const acceptsGzip = weightIn(String(request.headers["accept-encoding"] ?? ""), "gzip") > 0;
      send(request, response, requestIdOf(request), acceptsGzip ? variants.gzip : variants.plain);
      onOutcome(request, name, "ok");
    },
  };
}

function variantsOf({ bytes, headers }: PublicFile): { plain: Variant; gzip: Variant } {
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

function send(
  request: Request,
  response: Response,
  requestId: string,
  { body, headers: own }: Variant,
): void {
  const headers: Record<string, string> = { ...own, "x-request-id": requestId };
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
