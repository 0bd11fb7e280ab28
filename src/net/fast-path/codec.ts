import type { DescMethodUnary, JsonReadOptions, JsonWriteOptions, Message } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, HandlerContext } from "@connectrpc/connect";
import type { Request } from "../request.ts";
import type { Form } from "./admission.ts";

/** A unary method that the lane answers. What clients are to see is thrown as `ConnectError`, as in handlers of connect. */
export interface FastPathMethod {
  readonly method: DescMethodUnary;
  /** Lets a call pass by its headers, before its body is read. */
  authorize(arrival: FastPathArrival): Promise<void> | undefined;
  /** Lets a call pass once more, when its body is there: at once, or not at all, or later. */
  recheck(values: ContextValues): Promise<void> | undefined;
  /** The answer that this body was given before in this form, where it would be given again. */
  recall(form: Form, body: Uint8Array, values: ContextValues): Payload | undefined;
  /** Answers a message. */
  invoke(message: Message, context: FastPathContext): Promise<Message>;
  /** Keeps an answer for `recall`, if it may be given again. */
  keep(form: Form, body: Uint8Array, values: ContextValues, payload: Payload): void;
  /** Told how a call failed, wherever it did. */
  failed(error: ConnectError, values: ContextValues): void;
  /** What a client of the Connect protocol sees of a body that is no such message. */
  parseError(bytes: Uint8Array, isJson: boolean): ConnectError;
}

/** What is known of a call before its body is read: the cheap part of a `HandlerContext`. */
export interface FastPathArrival extends Pick<HandlerContext, "service" | "method" | "values" | "timeoutMs"> {
  readonly requestHeader: Pick<Headers, "get" | "has">;
  readonly responseHeader: Pick<Headers, "set">;
}

/** What a method is told of a call: the cheap part of a `HandlerContext`. */
export type FastPathContext = Pick<HandlerContext, "values" | "timeoutMs">;

/** What the lane depends on. */
export interface FastPathOptions {
  /** The longest deadline that a caller may ask for. */
  maxTimeoutMs: number;
  /** Bytes of one request message. */
  maxMessageBytes: number;
  jsonOptions: Partial<JsonReadOptions & JsonWriteOptions>;
  contextValues(request: Request): ContextValues;
  /** Told of what should never be thrown. */
  onBug(error: unknown): void;
}

/** What the responses of all kinds can do. */
export interface Answer {
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  addTrailers(trailers: Record<string, string>): void;
  end(chunk?: string | Uint8Array, encoding?: BufferEncoding): unknown;
}

/** An encoded answer: bytes, or a string of them where node is quicker with that. */
export type Payload = string | Uint8Array;

/** How a protocol is spoken. */
export interface Codec {
  /** The deadline that the caller asks for. */
  timeout(
    headers: Pick<Headers, "get">,
    maxTimeoutMs: number,
  ): { timeoutMs?: number | undefined; error?: ConnectError };
  /** Whether a body, of which so much came, need not be read further to be refused. */
  isEnough(size: number, first: Buffer, maxBytes: number): boolean;
  parse(method: FastPathMethod, body: Buffer, options: FastPathOptions): Promise<Message>;
  encode(method: FastPathMethod, message: Message, options: FastPathOptions): Payload;
  send(response: Answer, headers: Record<string, string>, payload: Payload): void;
  fail(
    response: Answer,
    headers: Record<string, string>,
    error: ConnectError,
    options: FastPathOptions,
  ): void;
}
