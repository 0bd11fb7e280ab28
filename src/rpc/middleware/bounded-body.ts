import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import {
  type EnvelopedMessage,
  pipe,
  readAllBytes,
  transformDecompressEnvelope,
  transformJoinEnvelopes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
} from "@connectrpc/connect/protocol";
import { type CheckBody, createCheckBody } from "./check-body.ts";
import { gzip } from "./gzip.ts";
import type { BoundsOf } from "./message-bounds.ts";

type Bytes = AsyncIterable<Uint8Array>;

/**
 * Bounds the request bodies of all methods of a router, before Connect parses them. It rejects a body that is larger than the
 * maximum of its method, compressed or decompressed. It scans every other body, in every protocol. It reads nothing before
 * the request gate has accepted the call. Call it after `explainParseErrors`, which then gets only bodies that passed.
 *
 * It leaves the message in the URL of a GET to `withSizes`: that message is small, so it is not scanned.
 */
export function boundBodies(router: ConnectRouter, boundsOf: BoundsOf): void {
  for (const [index, handler] of router.handlers.entries()) {
    const { input } = handler.method;
    const bounds = boundsOf(input);
    const check = createCheckBody(input, bounds);
    const bounded = (request: UniversalServerRequest) => handler(boundBody(request, bounds.maxBytes, check));
    router.handlers[index] = Object.assign(bounded, handler) as UniversalHandler;
  }
}

type Options = Parameters<ConnectRouter["rpc"]>[2];

/** Returns a router that registers each method with the maximum size of its own request message. */
export function withSizes(router: ConnectRouter, boundsOf: BoundsOf): ConnectRouter {
  const register = router.rpc as (method: DescMethod, implementation: unknown, options: Options) => unknown;
  function add(method: DescMethod, implementation: unknown, options: Options): ConnectRouter {
    register(method, implementation, { ...options, readMaxBytes: boundsOf(method.input).maxBytes });
    return sized;
  }
  const sized = {
    handlers: router.handlers,
    rpc: add,
    service({ methods }: DescService, implementation: object, options: Options) {
      for (const method of methods) add(method, methodOf(implementation, method), options);
      return sized;
    },
  } as ConnectRouter;
  return sized;
}

function methodOf(implementation: object, method: DescMethod): unknown {
  const known = (implementation as Record<string, unknown>)[method.localName];
  if (typeof known !== "function")
    throw new Error(`${method.toString()} has no handler: its service file must have one`);
  return known.bind(implementation);
}

function boundBody(
  request: UniversalServerRequest,
  maxBytes: number,
  check: CheckBody,
): UniversalServerRequest {
  const { body, header, method } = request;
  if (method !== "POST" || !isBytes(body)) return request;
  const type = header.get("content-type")?.toLowerCase() ?? "";
  const isJson = /\+?json\b/.test(type);
  const checked = (bytes: Uint8Array) => {
    check(bytes, isJson);
    return bytes;
  };
  if (/^application\/(json|proto)\b/.test(type)) return boundUnary(request, body, maxBytes, checked);
  const encoding = header.get(
    type.startsWith("application/connect") ? "connect-content-encoding" : "grpc-encoding",
  );
  return { ...request, body: boundEnvelopes(body, encoding, maxBytes, checked) };
}

type Checked = (bytes: Uint8Array) => Uint8Array;

function boundUnary(
  request: UniversalServerRequest,
  body: Bytes,
  maxBytes: number,
  checked: Checked,
): UniversalServerRequest {
  const encoding = request.header.get("content-encoding") ?? "identity";
  const length = request.header.get("content-length");
  if (encoding === "identity")
    return { ...request, body: once(() => readAllBytes(body, maxBytes, length), checked) };
  // Connect rejects other encodings before it reads the body.
  if (encoding !== gzip.name) return request;
  // Connect gets the decompressed body, without the headers that describe the compressed one.
  const header = new Headers(request.header);
  header.delete("content-encoding");
  header.delete("content-length");
  const read = async () => gzip.decompress(await readAllBytes(body, maxBytes, length), maxBytes);
  return { ...request, header, body: once(read, checked) };
}

async function* once(read: () => Promise<Uint8Array>, checked: Checked): Bytes {
  yield checked(await read());
}

// The messages come out decompressed. Connect accepts that in every stream.
function boundEnvelopes(body: Bytes, encoding: string | null, maxBytes: number, checked: Checked): Bytes {
  async function* check(envelopes: AsyncIterable<EnvelopedMessage>) {
    for await (const { flags, data } of envelopes) yield { flags, data: checked(data) };
  }
  return pipe(
    body,
    transformSplitEnvelope(maxBytes),
    transformDecompressEnvelope(encoding === gzip.name ? gzip : null, maxBytes),
    check,
    transformJoinEnvelopes(),
  );
}

function isBytes(body: UniversalServerRequest["body"]): body is Bytes {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
