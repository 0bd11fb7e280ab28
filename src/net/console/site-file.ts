import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { weightIn } from "../http-json/accept.ts";
import type { FileBody } from "../http-json/file-endpoint.ts";

/** A file of the console, which is compressed once for all clients. */
export interface SiteFile {
  /** Returns the file in the best encoding that a client accepts. */
  bodyFor(acceptEncoding: string): Promise<FileBody>;
}

type Encoding = "br" | "gzip" | "identity";

// The compression runs in node's thread pool. It does not use the highest level, because the first visitor would wait a second.
const compress: Record<Exclude<Encoding, "identity">, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 8, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: 9 }),
};

/** Creates a file of the console from its bytes and the headers that describe it. */
export function createSiteFile(bytes: Buffer, headers: Record<string, string>): SiteFile {
  const hash = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  const isText = textTypes.test(headers["content-type"] ?? "");
  const kept = new Map<Encoding, Promise<FileBody>>();

  async function make(encoding: Encoding): Promise<FileBody> {
    const shared = { ...headers, vary: "Origin, Accept-Encoding" };
    if (encoding === "identity") return { body: bytes, headers: { ...shared, etag: `"${hash}"` } };
    const body = await compress[encoding](bytes);
    return {
      body,
      headers: { ...shared, etag: `"${hash}-${encoding}"`, "content-encoding": encoding },
    };
  }

  return {
    bodyFor(acceptEncoding) {
      const encoding = isText ? bestOf(acceptEncoding) : "identity";
      const known = kept.get(encoding) ?? make(encoding);
      kept.set(encoding, known);
      return known;
    },
  };
}

const textTypes = /^(?:text\/|image\/svg|application\/(?:json|manifest))/;

function bestOf(acceptEncoding: string): Encoding {
  if (weightIn(acceptEncoding, "br") > 0) return "br";
  return weightIn(acceptEncoding, "gzip") > 0 ? "gzip" : "identity";
}
