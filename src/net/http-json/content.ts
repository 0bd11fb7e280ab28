import { promisify } from "node:util";
import { constants, gunzip as gunzipWithCallback, gzip as gzipWithCallback } from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import { weightIn } from "./accept.ts";
import { type HttpError, httpError } from "./error-body.ts";

const gunzipBytes = promisify(gunzipWithCallback);
const gzipBytes = promisify(gzipWithCallback);

// A shorter response is smaller without compression, or not much larger.
const minCompressedBytes = 1_024;

/** Returns the error of a body whose type or encoding the server does not read, or undefined. */
export function unreadableBody(headers: Pick<Headers, "get">): HttpError | undefined {
  const type = headers.get("content-type");
  const isPlain = type === "application/json" || type === "application/json; charset=utf-8";
  if (
    type === null ||
    !(isPlain || /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type))
  ) {
    const problem = type === null ? "the content type is missing" : "the content type is not supported";
    return httpError(
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      `${problem}; send the header "content-type: application/json" with a JSON body`,
    );
  }
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding === "identity" || isGzip(headers)) return undefined;
  return httpError(
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "the content encoding is not supported; send the body as it is, or with gzip",
    { "accept-encoding": "gzip" },
  );
}

/** Returns whether the body of a request is compressed with gzip. */
export function isGzip(headers: Pick<Headers, "get">): boolean {
  const encoding = headers.get("content-encoding");
  return encoding !== null && encoding.toLowerCase() === "gzip";
}

/** Returns the error of a body that is larger than its method allows. */
export function tooLarge(maxBytes: number): HttpError {
  return httpError(
    413,
    "CONTENT_TOO_LARGE",
    `the body is too large: this route takes at most ${maxBytes} bytes`,
  );
}

/** Returns the decompressed body, or undefined if it is larger than `maxBytes`. Fails if it is not complete gzip data. */
export async function gunzip(body: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await gunzipBytes(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw new ConnectError("the body is not complete gzip data", Code.InvalidArgument);
  }
}

/** Returns a response compressed, or undefined if the client does not accept that or the response is short. */
export async function gzipFor(headers: Pick<Headers, "get">, body: string): Promise<Buffer | undefined> {
  if (body.length < minCompressedBytes) return undefined;
  if (!(weightIn(headers.get("accept-encoding") ?? "", "gzip") > 0)) return undefined;
  return gzipBytes(Buffer.from(body, "latin1"), { level: constants.Z_BEST_SPEED });
}
