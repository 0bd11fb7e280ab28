/** A reply of Redis. Errors are values, because a reply can contain some. */
export type Reply = string | number | null | Reply[] | RedisError;

/** An error that Redis replied. */
export interface RedisError {
  error: string;
}

/** Encodes a command: https://redis.io/docs/latest/develop/reference/protocol-spec */
export function encodeCommand(parts: readonly (string | number)[]): string {
  let text = `*${parts.length}\r\n`;
  for (const part of parts) {
    const value = String(part);
    text += `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  }
  return text;
}

/** Reads replies of RESP2 from the pieces in which they arrive. */
export interface ReplyReader {
  /** Returns the replies that are complete with this piece. Throws if the bytes are no replies or too many. */
  push(piece: Buffer): Reply[];
}

const maxReplyBytes = 4 * 1024 * 1024;
const maxDepth = 8;
const lineEnd = Buffer.from("\r\n");

/** Creates a reader. */
export function createReplyReader(): ReplyReader {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(piece) {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      const replies: Reply[] = [];
      let start = 0;
      for (;;) {
        const read = readReply(rest, start, 0);
        if (!read) break;
        replies.push(read.reply);
        start = read.end;
      }
      rest = rest.subarray(start);
      if (rest.length > maxReplyBytes) throw new Error("a reply of Redis is too long");
      return replies;
    },
  };
}

interface Read {
  reply: Reply;
  end: number;
}

// Undefined: the reply is not complete yet.
function readReply(bytes: Buffer, start: number, depth: number): Read | undefined {
  if (depth > maxDepth) throw new Error("a reply of Redis is nested too deeply");
  const lineStop = bytes.indexOf(lineEnd, start);
  if (lineStop === -1) return undefined;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const line = bytes.toString("utf8", start + 1, lineStop);
  const end = lineStop + lineEnd.length;
  switch (type) {
    case "+":
      return { reply: line, end };
    case "-":
      return { reply: { error: line }, end };
    case ":":
      return { reply: numberOf(line), end };
    case "$":
      return readText(bytes, numberOf(line), end);
    case "*":
      return readList(bytes, numberOf(line), end, depth);
    default:
      throw new Error("what the server replied is not the protocol of Redis");
  }
}

function readText(bytes: Buffer, length: number, start: number): Read | undefined {
  if (length < 0) return { reply: null, end: start };
  const stop = start + length;
  if (bytes.length < stop + lineEnd.length) return undefined;
  return { reply: bytes.toString("utf8", start, stop), end: stop + lineEnd.length };
}

function readList(bytes: Buffer, length: number, start: number, depth: number): Read | undefined {
  if (length < 0) return { reply: null, end: start };
  const reply: Reply[] = [];
  let end = start;
  for (let n = 0; n < length; n++) {
    const read = readReply(bytes, end, depth + 1);
    if (!read) return undefined;
    reply.push(read.reply);
    end = read.end;
  }
  return { reply, end };
}

function numberOf(line: string): number {
  const value = Number(line);
  if (line === "" || !Number.isSafeInteger(value)) throw new Error("a number of Redis is malformed");
  return value;
}

/** Returns whether a reply is an error. */
export function isError(reply: Reply): reply is RedisError {
  return typeof reply === "object" && reply !== null && "error" in reply;
}
