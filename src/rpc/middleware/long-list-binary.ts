import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Violation } from "../../domain/kernel/error.ts";
import { maxItemsOf, tooManyItems } from "./list-bound.ts";
import { readVarint } from "./scan-binary.ts";

interface Reader {
  bytes: Uint8Array;
  at: number;
}

/**
 * Returns the violation of the first list or map in a binary message that has more items than its schema allows, or undefined.
 * Reads the tags once and keeps only one number per field.
 */
export function longListInBinary(bytes: Uint8Array, schema: DescMessage): Violation | undefined {
  return scan({ bytes, at: 0 }, schema, bytes.length, "");
}

function scan(reader: Reader, schema: DescMessage, end: number, path: string): Violation | undefined {
  const counts = new Map<DescField, number>();
  const fields = new Map(schema.fields.map((field) => [field.number, field]));
  while (reader.at < end) {
    const tag = readVarint(reader);
    const field = fields.get(tag >>> 3);
    const start = reader.at;
    const valueEnd = skip(reader, tag & 7, end);
    if (!field) continue;
    const count = counts.get(field) ?? 0;
    if (field.fieldKind === "list" || field.fieldKind === "map") {
      counts.set(field, count + 1);
      if (count >= maxItemsOf(field)) return tooManyItems(field, `${path}${field.name}`);
    }
    if ((tag & 7) !== 2 || field.fieldKind === "map" || !field.message) continue;
    const place = field.fieldKind === "list" ? `[${count}]` : "";
    const inner = { bytes: reader.bytes, at: start };
    readVarint(inner);
    const found = scan(inner, field.message, valueEnd, `${path}${field.name}${place}.`);
    if (found) return found;
  }
  return undefined;
}

// Moves behind a value, and returns its end. Malformed bytes move the reader to the end of the message at most.
function skip(reader: Reader, type: number, end: number): number {
  if (type === 0) readVarint(reader);
  else if (type === 1) reader.at += 8;
  else if (type === 5) reader.at += 4;
  else if (type === 2) {
    const length = readVarint(reader);
    reader.at += length;
  }
  reader.at = Math.min(reader.at, end);
  return reader.at;
}
