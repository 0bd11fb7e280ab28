import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";

/**
 * A request on an HTTP/2 stream. Node's own request object takes longer to create than the response takes. The body is read
 * from the stream.
 */
export class StreamRequest {
  readonly httpVersionMajor = 2;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Names and values alternately, as the client sent them. */
  readonly rawHeaders: readonly string[];

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) {
    this.stream = stream;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
  }

  get method(): string | undefined {
    return this.headers[":method"];
  }

  get url(): string | undefined {
    return this.headers[":path"];
  }

  get authority(): string {
    return this.headers[":authority"] ?? this.headers.host ?? "";
  }

  get socket(): { remoteAddress?: string | undefined } {
    return this.stream.session?.socket ?? {};
  }

  on(event: "error", listener: (error: Error) => void): void {
    this.stream.on(event, listener);
  }
}

/** The response to a `StreamRequest`: the part of node's response that unary RPCs need. `end` sends everything. */
export class StreamResponse {
  statusCode = 200;
  readonly stream: ServerHttp2Stream;
  readonly #headers: OutgoingHttpHeaders = {};
  #trailers: OutgoingHttpHeaders | undefined;

  constructor(stream: ServerHttp2Stream) {
    this.stream = stream;
  }

  get headersSent(): boolean {
    return this.stream.headersSent;
  }

  get writableEnded(): boolean {
    return this.stream.writableEnded;
  }

  get writableFinished(): boolean {
    return this.stream.writableFinished;
  }

  on(event: "close", listener: () => void): void {
    this.stream.on(event, listener);
  }

  setHeader(name: string, value: string): void {
    this.#headers[name.toLowerCase()] = value;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders): void {
    this.statusCode = status;
    Object.assign(this.#headers, headers);
  }

  /** Sets the trailers, which follow the body. The caller may set them at any time before `end`. */
  addTrailers(trailers: OutgoingHttpHeaders): void {
    this.#trailers = trailers;
  }

  /** Sends the whole response. Does nothing if the client has disconnected. */
  end(): void;
  end(body: string | Uint8Array, encoding?: BufferEncoding): void;
  end(body?: string | Uint8Array, encoding: BufferEncoding = "utf8"): void {
    const { stream } = this;
    if (stream.destroyed || stream.headersSent) return;
    const trailers = this.#trailers;
    if (trailers) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.respond(
      { ":status": this.statusCode, ...this.#headers },
      { waitForTrailers: trailers !== undefined },
    );
    stream.end(body, encoding);
  }

  destroy(): void {
    this.stream.destroy();
  }
}
