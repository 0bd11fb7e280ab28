import { isAddress } from "../domain/kernel/network.ts";

/** The body of a `VerifyToken` request in two parts. The response depends only on the first one. */
export interface VerifyBody {
  inputs: Uint8Array;
  /** The client address, if the second part has it. */
  clientAddress: string | undefined;
}

/**
 * Takes the client address out of the body of a `VerifyToken` request, so that requests that differ only in the address share a
 * kept response. Returns undefined if the address is wrong or the body is no single message. An unusual message stays whole.
 */
export function verifyBodyOf(form: string, body: Uint8Array): VerifyBody | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (form === "json") return fromJson(bytes);
  if (form === "proto") return fromBinary(bytes);
  return form === "grpc" ? fromFrame(bytes) : { inputs: body, clientAddress: undefined };
}

const member = /([{,])\s*"client(?:Address|_address)"\s*:\s*"([^"]*)"\s*([,}])/;

// Without a backslash, a quote in the text is the beginning or the end of a string.
function fromJson(body: Buffer): VerifyBody | undefined {
  const whole = { inputs: body, clientAddress: undefined };
  if (body.indexOf('"client') < 0 || body.indexOf("\\") >= 0) return whole;
  const text = body.toString("latin1");
  const [found, before, address = "", after] = member.exec(text) ?? [];
  if (found === undefined) return whole;
  const between = before === "{" ? (after === "," ? "{" : "{}") : after;
  return checked(
    Buffer.from(
      text.replace(found, () => between ?? ""),
      "latin1",
    ),
    address,
  );
}

const prefixBytes = 5;

function fromFrame(frame: Buffer): VerifyBody | undefined {
  const isPlain = frame.length >= prefixBytes && frame[0] === 0;
  if (!isPlain || frame.readUInt32BE(1) !== frame.length - prefixBytes) return undefined;
  return fromBinary(frame.subarray(prefixBytes));
}

// Field 10 of `VerifyTokenRequest`, with a length.
const addressTag = (10 << 3) | 2;
const maxTag = 0x7f;

// Reads the fields in front of the address. Clients write fields in the order of their numbers.
function fromBinary(body: Buffer): VerifyBody | undefined {
  const whole = { inputs: body, clientAddress: undefined };
  let at = 0;
  while (at < body.length) {
    const tag = body[at] ?? 0;
    if (tag > maxTag) return whole;
    const value = at + 1;
    const [length, next] = varint(body, value);
    if (tag === addressTag) {
      const end = next + length;
      if (end > body.length) return whole;
      const rest = Buffer.concat([body.subarray(0, at), body.subarray(end)]);
      return checked(rest, body.toString("latin1", next, end));
    }
    if ((tag & 7) === 0) at = next;
    else if ((tag & 7) === 2) at = next + length;
    else return whole;
  }
  return whole;
}

function checked(inputs: Uint8Array, address: string): VerifyBody | undefined {
  if (address === "") return { inputs, clientAddress: undefined };
  return isAddress(address) ? { inputs, clientAddress: address } : undefined;
}

function varint(body: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let factor = 1; at < body.length; factor *= 128) {
    const byte = body[at] ?? 0;
    at += 1;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  return [value, at];
}
