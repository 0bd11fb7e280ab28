import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { MessageBounds } from "./message-bounds.ts";

/**
 * Returns what a message in protobuf's binary format has too much of, or undefined. Reads the tags, keeps nothing and enters
 * only the messages of the schema. Says nothing about whether the bytes are valid.
 */
export type ScanBinary = (bytes: Uint8Array) => string | undefined;

// The fields by number: those that contain messages, and those whose bytes may be many numbers.
type Plan = Map<number, Plan | "packed">;

/** Creates the scan for a message, once. */
export function createScanBinary(schema: DescMessage, { maxValues }: MessageBounds): ScanBinary {
  const plan = planOf(schema, new Map());
  return (bytes) => {
    const reader = { bytes, at: 0, left: maxValues };
    scan(reader, plan, bytes.length);
    return reader.left < 0 ? "there are too many values" : undefined;
  };
}

interface Reader {
  bytes: Uint8Array;
  at: number;
  /** How many more values there may be. */
  left: number;
}

function scan(reader: Reader, plan: Plan | undefined, end: number): void {
  while (reader.at < end && reader.left >= 0) {
    reader.left -= 1;
    const tag = readVarint(reader);
    const type = tag & 7;
    if (type === 0) readVarint(reader);
    else if (type === 1) reader.at += 8;
    else if (type === 5) reader.at += 4;
    else if (type === 2) scanBytes(reader, plan?.get(tag >>> 3), end);
  }
}

function scanBytes(reader: Reader, inner: Plan | "packed" | undefined, end: number): void {
  const length = readVarint(reader);
  const innerEnd = Math.min(end, reader.at + length);
  if (inner === "packed") reader.left -= length;
  else if (inner) scan(reader, inner, innerEnd);
  // Malformed bytes may move the scan past the end of the message, but never backwards.
  reader.at = Math.max(reader.at, innerEnd);
}

/** Reads a tag or a length. Only the lowest 32 bits matter, because they have no more. */
export function readVarint(reader: Pick<Reader, "bytes" | "at">): number {
  let value = 0;
  for (let shift = 0; reader.at < reader.bytes.length; shift += 7) {
    const byte = reader.bytes[reader.at] ?? 0;
    reader.at += 1;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value >>> 0;
}

function planOf(schema: DescMessage, known: Map<DescMessage, Plan>): Plan {
  const made = known.get(schema);
  if (made) return made;
  const plan: Plan = new Map();
  known.set(schema, plan);
  for (const field of schema.fields) {
    const inner = innerPlan(field, known);
    if (inner) plan.set(field.number, inner);
  }
  return plan;
}

function innerPlan(field: DescField, known: Map<DescMessage, Plan>): Plan | "packed" | undefined {
  // An entry of a map is a message with the key in field 1 and the value in field 2.
  if (field.fieldKind === "map") return new Map(field.message ? [[2, planOf(field.message, known)]] : []);
  if (field.message) return planOf(field.message, known);
  const isBytes = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
  return field.fieldKind === "list" && !isBytes ? "packed" : undefined;
}
