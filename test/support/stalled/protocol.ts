import { type DescMethod, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerParse } from "@connectrpc/connect/protocol-grpc-web";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { plainRequestOf } from "../http-json/request.ts";

/** A response as its bytes. */
export interface WireResponse {
  status: number;
  headers: Headers;
  body: Buffer;
  trailers: Headers;
}

/** The code that writes a unary request of a protocol and reads its response. */
export interface Protocol {
  httpVersion: 1 | 2;
  headers: Record<string, string>;
  encode(method: DescMethod, message: Message): Uint8Array;
  /** Returns the method and the path of a request, if they are not those of Connect. */
  target?(method: DescMethod, message: Message): { httpMethod: string; path: string };
  /** Returns the error in a response, if there is one. */
  decode(response: WireResponse): ConnectError | undefined;
}

const binary = (method: DescMethod, message: Message) => toBinary(method.input, message);
const enveloped = (method: DescMethod, message: Message) => encodeEnvelope(0, binary(method, message));

function connectError({ status, headers, body }: WireResponse): ConnectError | undefined {
  if (status === 200) return undefined;
  return errorFromJsonBytes(body, headers, new ConnectError(`HTTP ${status}`, Code.Unknown));
}

function grpcError({ headers, trailers }: WireResponse): ConnectError | undefined {
  return findTrailerError(headers.has("grpc-status") ? headers : trailers);
}

function grpcWebError(response: WireResponse): ConnectError | undefined {
  let rest = response.body;
  while (rest.length >= 5) {
    const end = 5 + rest.readUInt32BE(1);
    if ((rest[0] ?? 0) & 0x80)
      return grpcError({ ...response, trailers: trailerParse(rest.subarray(5, end)) });
    rest = rest.subarray(end);
  }
  return grpcError(response);
}

const grpcWeb = {
  headers: { "content-type": "application/grpc-web+proto" },
  encode: enveloped,
  decode: grpcWebError,
};

function plainError({ status, body }: WireResponse): ConnectError | undefined {
  if (status === 200) return undefined;
  const { error } = JSON.parse(body.toString()) as { error: { code: string; message: string } };
  const info = { desc: ErrorInfoSchema, value: { reason: error.code } };
  return new ConnectError(error.message, Code.Unknown, undefined, [info]);
}

// A route without a body gets an empty object, so that every request has a body that can stall.
const plain = {
  headers: { "content-type": "application/json" },
  encode: (method, message) => Buffer.from(plainRequestOf(method, message).body ?? "{}"),
  target(method, message) {
    const { method: httpMethod, path } = plainRequestOf(method, message);
    return { httpMethod, path };
  },
  decode: plainError,
} satisfies Omit<Protocol, "httpVersion">;

/** Every combination of protocol and HTTP version that the service supports. */
export const protocols = {
  "Connect over HTTP/1.1": {
    httpVersion: 1,
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    encode: (method, message) => Buffer.from(toJsonString(method.input, message)),
    decode: connectError,
  },
  "Connect over HTTP/2": {
    httpVersion: 2,
    headers: { "content-type": "application/proto", "connect-protocol-version": "1" },
    encode: binary,
    decode: connectError,
  },
  "gRPC-Web over HTTP/1.1": { httpVersion: 1, ...grpcWeb },
  "gRPC-Web over HTTP/2": { httpVersion: 2, ...grpcWeb },
  "plain HTTP over HTTP/1.1": { httpVersion: 1, ...plain },
  "plain HTTP over HTTP/2": { httpVersion: 2, ...plain },
  "gRPC over HTTP/2": {
    httpVersion: 2,
    headers: { "content-type": "application/grpc", te: "trailers" },
    encode: enveloped,
    decode: grpcError,
  },
} as const satisfies Record<string, Protocol>;

/** The name of such a combination. */
export type ProtocolName = keyof typeof protocols;

/** Returns how a call ended: `ok`, or the reason of its error. */
export function reasonOf(error: ConnectError | undefined): string {
  if (!error) return "ok";
  const [info] = error.findDetails(ErrorInfoSchema);
  return info?.reason ?? `${Code[error.code]}: ${error.rawMessage}`;
}
