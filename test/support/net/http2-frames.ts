/** The types of HTTP/2 frames (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

const endHeaders = 4;
const prefaceText = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Returns the bytes of a frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)) {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** The bytes that a client sends first: the preface and an empty SETTINGS frame. */
export const opening = Buffer.concat([Buffer.from(prefaceText), frame(frameType.settings, 0, 0)]);

/** Returns a 32-bit number as a payload. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Returns a header in HPACK without an index (RFC 7541, 6.2.2). Name and value must be shorter than 127 bytes. */
function header(name: string, value: string): Buffer {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
  return Buffer.concat([
    Buffer.from([0, nameBytes.length]),
    nameBytes,
    Buffer.from([valueBytes.length]),
    valueBytes,
  ]);
}

/** Returns the HEADERS frame of a request without a body, with these headers, of which some may have the same name. */
export function requestOf(
  method: "GET" | "POST",
  stream: number,
  path: string,
  more: (readonly [string, string])[],
): Buffer {
  const fields = [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "x"],
    ...more,
  ] as const;
  const endStream = 1;
  const block = fields.map(([name, value]) => header(name, value));
  return frame(frameType.headers, endHeaders | endStream, stream, Buffer.concat(block));
}

/** The same for a GET. */
export function getRequest(stream: number, path: string, more: (readonly [string, string])[]): Buffer {
  return requestOf("GET", stream, path, more);
}

/** Returns the HEADERS frame of a health check whose body follows. */
export function healthCheck(stream: number, more: Record<string, string> = {}, flags = endHeaders): Buffer {
  const fields = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "x",
    "content-type": "application/json",
    ...more,
  };
  const block = Object.entries(fields).map(([name, value]) => header(name, value));
  return frame(frameType.headers, flags, stream, Buffer.concat(block));
}

/** Returns the frames of `streams` health checks. Each is reset at once with `code`. */
export function rapidResets(streams: number, code: number): Buffer {
  const frames = Array.from({ length: streams }, (_, n) => [
    healthCheck(2 * n + 1),
    frame(frameType.rstStream, 0, 2 * n + 1, uint32(code)),
  ]);
  return Buffer.concat(frames.flat());
}
