import type {
  BinaryReadOptions,
  DescMethodUnary,
  JsonReadOptions,
  JsonWriteOptions,
  Message,
} from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, HandlerContext } from "@connectrpc/connect";
import type { Request } from "../request.ts";
import type { FairTurns } from "../turns.ts";

/**
 * A unary method that the fast path answers. Its functions throw a `ConnectError` if the client should see it, as the
 * handlers of connect do. A function that returns undefined instead of a promise has finished.
 */
export interface FastPathMethod {
  readonly method: DescMethodUnary;
  /** The maximum size of a request message, in bytes. */
  readonly maxBytes: number;
  /** Checks the bytes of a request message before they are parsed. Throws if they have more than any valid message. */
  check(bytes: Uint8Array, isJson: boolean): void;
  /** Authorizes a call by its headers, before the server reads its body. */
  authorize(arrival: FastPathArrival): Promise<void> | undefined;
  /** Authorizes a call again after its body is complete. */
  recheck(values: ContextValues): Promise<void> | undefined;
  /** Returns the cached response to this body in this form, if the response is still valid. */
  recall(form: string, body: Uint8Array, values: ContextValues): MaybePromise<Recalled | undefined>;
  /** Returns the part of a response that may be cached: without what changes with each call. */
  lasting(response: Message): Message;
  /** Answers a message. */
  invoke(message: Message, context: FastPathContext): Promise<Message>;
  /** Caches a response for `recall` if the response may be repeated. */
  keep(form: string, body: Uint8Array, values: ContextValues, payload: Payload): void;
  /** Called with the error of each failed call, wherever it failed. */
  failed(error: ConnectError, values: ContextValues): void;
  /** Returns the error that a client of the Connect protocol gets for a body that cannot be parsed. */
  parseError(bytes: Uint8Array, isJson: boolean): ConnectError;
  /** The paths that the mask of an update may name, in the names of the schema. */
  readonly changeable?: readonly string[] | undefined;
}

/** A value, at once if possible. */
export type MaybePromise<T> = T | Promise<T>;

/** A cached response, and the field that changes with each call. */
export interface Recalled {
  payload: Payload;
  addition?: Addition | undefined;
}

/** A field that is added to an encoded response. Both are latin1 strings of the bytes. */
export interface Addition {
  /** Returns the name and the value in JSON, as a member of an object. */
  json(): string;
  /** Returns the tag and the value in binary. A message may have its fields in any order. */
  binary(): string;
}

/** Methods whose calls start in the same turns. */
export interface FastPathGroup {
  readonly methods: readonly FastPathMethod[];
  readonly turns: FairTurns;
}

/** What is known of a call before the server reads its body: the cheap part of a `HandlerContext`. */
export interface FastPathArrival extends Pick<HandlerContext, "service" | "method" | "values" | "timeoutMs"> {
  readonly requestHeader: Pick<Headers, "get" | "has">;
  readonly responseHeader: Pick<Headers, "set">;
}

/** What a method receives about a call: the cheap part of a `HandlerContext`. */
export interface FastPathContext extends Pick<HandlerContext, "values" | "timeoutMs"> {
  /** Returns a signal that is aborted when the deadline passes or the client disconnects. Methods that wait call it. */
  signal(): AbortSignal;
}

/** What the fast path depends on. */
export interface FastPathOptions {
  /** The longest timeout that a caller may set. */
  maxTimeoutMs: number;
  jsonOptions: Partial<JsonReadOptions & JsonWriteOptions>;
  binaryOptions: Partial<BinaryReadOptions>;
  contextValues(request: Request): ContextValues;
  /** Returns the client of a request. Clients take turns if their requests take much time. */
  clientOf(request: Request): string;
  /** Called with errors that are not a `ConnectError`. */
  onBug(error: unknown): void;
}

/** The functions that HTTP/1 and HTTP/2 responses share. */
export interface CodecResponse {
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  addTrailers(trailers: Record<string, string>): void;
  end(chunk?: string | Uint8Array, encoding?: BufferEncoding): unknown;
}

/** An encoded response: bytes, or a latin1 string if node sends that faster. */
export type Payload = string | Uint8Array;

/** What the headers of a request say. */
export interface Head {
  /** The timeout that the caller set. */
  timeoutMs?: number | undefined;
  /** What is wrong with the headers. The client gets this error after the call is authorized. */
  error?: ConnectError | undefined;
  /** Whether the request certainly has no body. */
  hasNoBody?: boolean;
}

/** Reads requests and writes responses of one protocol. */
export interface Codec {
  /** Names the format of the bodies. A response is kept for requests of the same form. Undefined: nothing is kept. */
  readonly form: string | undefined;
  /** Reads the headers of a request. */
  head(headers: Pick<Headers, "get">, maxTimeoutMs: number): Head;
  /** Returns whether the part of a body that arrived (`size` bytes, `first` piece) is enough to refuse the body. */
  isEnough(size: number, first: Buffer, maxBytes: number): boolean;
  parse(method: FastPathMethod, body: Buffer, options: FastPathOptions): Promise<Message>;
  encode(method: FastPathMethod, message: Message, options: FastPathOptions): Payload | Promise<Payload>;
  /** Returns an encoded response with one more field. */
  extend(payload: Payload, addition: Addition): Payload;
  send(response: CodecResponse, headers: Record<string, string>, payload: Payload): void;
  fail(
    response: CodecResponse,
    headers: Record<string, string>,
    error: ConnectError,
    options: FastPathOptions,
  ): void;
}
