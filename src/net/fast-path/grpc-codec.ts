import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  createAsyncIterable,
  createMethodSerializationLookup,
  type EnvelopedMessage,
  encodeEnvelope,
  pipe,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
} from "@connectrpc/connect/protocol";
import {
  contentTypeProto,
  grpcStatusOk,
  headerGrpcStatus,
  headerTimeout,
  parseTimeout,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import type { Codec, CodecResponse, FastPathMethod, FastPathOptions } from "./codec.ts";

const ok = { [headerGrpcStatus]: grpcStatusOk };

// The prefix of a message is a flag byte and four bytes of length.
const prefixBytes = 5;

/** The codec of gRPC over HTTP/2, unary and binary: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export const grpcCodec: Codec = {
  form: "grpc",
  head: (headers, maxTimeoutMs) => parseTimeout(headers.get(headerTimeout.toLowerCase()), maxTimeoutMs),
  // Such a body has a message that is too large, or more than one message.
  isEnough: (size, first, maxBytes) =>
    size > 2 * (prefixBytes + maxBytes) || (first.length >= prefixBytes && first.readUInt32BE(1) > maxBytes),

  async parse(method, body, { binaryOptions }) {
    if (isOneMessage(body) && body.length - prefixBytes <= method.maxBytes) {
      const bytes = body.subarray(prefixBytes);
      method.check(bytes, false);
      try {
        return fromBinary(method.method.input, bytes, binaryOptions);
      } catch {
        // `parseWithConnect` throws the error that the client gets.
      }
    }
    return parseWithConnect(method, body, binaryOptions);
  },

  encode: ({ method }, message) => encodeEnvelope(0, toBinary(method.output, message)),

  extend(payload, addition) {
    const message = Buffer.from(payload as Uint8Array).subarray(prefixBytes);
    return encodeEnvelope(0, Buffer.concat([message, Buffer.from(addition.binary(), "latin1")]));
  },

  send(response, headers, payload) {
    begin(response, headers);
    response.addTrailers(ok);
    response.end(payload);
  },

  fail(response, headers, error) {
    begin(response, headers);
    response.addTrailers(Object.fromEntries(setTrailerStatus(new Headers(), error)));
    response.end();
  },
};

function begin(response: CodecResponse, headers: Record<string, string>): void {
  response.writeHead(200, { ...headers, "content-type": contentTypeProto });
}

function isOneMessage(body: Buffer): boolean {
  return body.length >= prefixBytes && body[0] === 0 && body.readUInt32BE(1) === body.length - prefixBytes;
}

// Parses with connect's own functions, which are slower. They accept unusual bodies, and give the same errors as connect.
async function parseWithConnect(
  { method, maxBytes, check }: FastPathMethod,
  body: Uint8Array,
  binaryOptions: FastPathOptions["binaryOptions"],
): Promise<Message> {
  const limits = { readMaxBytes: maxBytes, writeMaxBytes: maxBytes };
  const serialization = createMethodSerializationLookup(method, binaryOptions, undefined, limits).getI(true);
  async function* checked(envelopes: AsyncIterable<EnvelopedMessage>) {
    for await (const envelope of envelopes) {
      check(envelope.data, false);
      yield envelope;
    }
  }
  const messages = pipe(
    createAsyncIterable([body]),
    transformSplitEnvelope(maxBytes),
    transformDecompressEnvelope(null, maxBytes),
    checked,
    transformParseEnvelope(serialization),
  );
  let message: Message | undefined;
  for await (const one of messages) {
    if (message) throw protocolError("received extra input message for unary method");
    message = one;
  }
  if (!message) throw protocolError("missing input message for unary method");
  return message;
}

function protocolError(message: string): ConnectError {
  return new ConnectError(`protocol error: ${message}`, Code.Unimplemented);
}
