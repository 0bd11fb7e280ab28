import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type FieldRules, FieldRulesSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { maxLengthOf, rulesOf, stringRulesOf } from "./field-rules.ts";
import { maxPatternLength } from "./pattern.ts";

/** What the body of a request message may cost, before it is parsed. */
export interface MessageBounds {
  /** Bytes of the body, compressed or not. */
  maxBytes: number;
  /** Messages, lists, entries of maps, and other values in the body. */
  maxValues: number;
  /** Keys of one object in JSON. */
  maxKeys: number;
  /** Bytes of one string in JSON. */
  maxStringBytes: number;
  /** Objects and lists of JSON inside each other. */
  maxDepth: number;
}

/** Returns the bounds of a request message. Fails if its schema does not bound it. */
export type BoundsOf = (schema: DescMessage) => MessageBounds;

// Messages of other schemas have no rules.
const ownPackage = "latchkey.v1";
// Envoy sends all headers of its client, with a limit of 60 KiB and 100 headers by default. An entry of a map is three values.
const envoyPackage = "envoy.service.auth.v3";
const envoyBounds: MessageBounds = {
  maxBytes: 128 * 1024,
  maxValues: 1_024,
  maxKeys: 256,
  maxStringBytes: 64 * 1024,
  maxDepth: 8,
};
// Health checks and reflection.
const foreignBounds: MessageBounds = {
  maxBytes: 16 * 1024,
  maxValues: 64,
  maxKeys: 64,
  maxStringBytes: 16 * 1024,
  maxDepth: 8,
};

// A client may escape a character as 12 bytes (two \uXXXX), and an ASCII character as 6.
const bytesPerCharacter = 12;
const bytesPerAscii = 6;
// Long strings are bounded in bytes: tokens, permissions, labels. They are ASCII without characters that clients escape.
const escapeFactor = 2;
// The punctuation around a value, its line break and its indentation.
const bytesAround = 24;
const numberBytes = 24;
// RFC 3339 with nanoseconds, or seconds with nanoseconds.
const timeBytes = 64;
const maskPaths = 64;
const maskBytes = 4_096;
// Fields that are newer than this server, in binary. The parser skips them.
const unknownFields = 32;
// An object in place of a string gets an error that names the field.
const extraDepth = 4;
// A body up to this size gets an error that names the field, even if its method needs less.
const explainedBytes = 4 * 1024;

/**
 * Creates the bounds of request messages. They follow from the rules of the schema: a body of maximum size has every field
 * at its maximum length, in JSON with escapes and whitespace. No body may be larger than `maxMessageBytes`.
 */
export function createBoundsOf(maxMessageBytes: number): BoundsOf {
  const known = new Map<DescMessage, MessageBounds>();
  return (schema) => {
    const bounds = known.get(schema) ?? measure(schema, maxMessageBytes);
    known.set(schema, bounds);
    return bounds;
  };
}

function measure(schema: DescMessage, maxMessageBytes: number): MessageBounds {
  const { package: from } = schema.file.proto;
  if (from !== ownPackage) return from === envoyPackage ? envoyBounds : foreignBounds;
  const { bytes, values, keys, longest, depth } = sizeOfMessage(schema, []);
  return {
    maxBytes: Math.min(Math.max(bytes, explainedBytes), maxMessageBytes),
    maxValues: values + unknownFields,
    maxKeys: keys + unknownFields,
    maxStringBytes: Math.max(longest, explainedBytes),
    maxDepth: depth + extraDepth,
  };
}

interface Size {
  bytes: number;
  values: number;
  /** Keys of the largest object. */
  keys: number;
  /** Bytes of the longest string. */
  longest: number;
  depth: number;
}

function sizeOfMessage(schema: DescMessage, inside: readonly DescMessage[]): Size {
  if (inside.includes(schema)) throw new Error(`${schema.typeName} contains itself, so no size bounds it`);
  const total: Size = { bytes: 2, values: 1, keys: schema.fields.length, longest: 0, depth: 1 };
  for (const field of schema.fields) {
    const name = Math.max(field.name.length, field.jsonName.length);
    const size = sizeOfField(field, [...inside, schema]);
    total.bytes += name + bytesAround + size.bytes;
    total.values += size.values;
    total.keys = Math.max(total.keys, size.keys);
    total.longest = Math.max(total.longest, name, size.longest);
    total.depth = Math.max(total.depth, 1 + size.depth);
  }
  return total;
}

function sizeOfField(field: DescField, inside: readonly DescMessage[]): Size {
  const { type } = rulesOf(field) ?? {};
  if (field.fieldKind === "list") {
    const rules = type?.case === "repeated" ? type.value : undefined;
    const item = sizeOfOne(field, rules?.items, inside);
    return times(finite(field, Number(rules?.maxItems ?? 0), "max_items"), item, 1);
  }
  if (field.fieldKind === "map") {
    const rules = type?.case === "map" ? type.value : undefined;
    const key = sizeOfString(field, rules?.keys);
    const value = sizeOfOne(field, rules?.values, inside);
    const pair = {
      bytes: key.bytes + value.bytes,
      values: 1 + value.values,
      keys: Math.max(value.keys, Number(rules?.maxPairs ?? 0)),
      longest: Math.max(key.longest, value.longest),
      depth: value.depth,
    };
    // In binary, an entry also has a field for its key.
    return times(finite(field, Number(rules?.maxPairs ?? 0), "max_pairs"), pair, 2);
  }
  return sizeOfOne(field, rulesOf(field), inside);
}

function times(count: number, one: Size, more: number): Size {
  return {
    bytes: 2 + count * (one.bytes + bytesAround),
    values: 1 + count * (one.values + more - 1),
    keys: one.keys,
    longest: one.longest,
    depth: 1 + one.depth,
  };
}

function sizeOfOne(field: DescField, rules: FieldRules | undefined, inside: readonly DescMessage[]): Size {
  if (field.enum) return sizeOfEnum(field.enum);
  if (field.message) return sizeOfWellKnown(field.message) ?? sizeOfMessage(field.message, inside);
  if (field.scalar === ScalarType.STRING) return sizeOfString(field, rules);
  if (field.scalar === ScalarType.BYTES) throw new Error(`${field.toString()}: bytes have no bound yet`);
  return { bytes: numberBytes, values: 1, keys: 0, longest: numberBytes, depth: 0 };
}

function sizeOfWellKnown({ typeName }: DescMessage): Size | undefined {
  if (!typeName.startsWith("google.protobuf.")) return undefined;
  if (typeName === "google.protobuf.FieldMask") {
    return { bytes: maskBytes, values: 1 + maskPaths, keys: 0, longest: maskBytes, depth: 0 };
  }
  if (typeName === "google.protobuf.Timestamp" || typeName === "google.protobuf.Duration") {
    return { bytes: timeBytes, values: 3, keys: 0, longest: timeBytes, depth: 0 };
  }
  throw new Error(`${typeName} has no bound yet`);
}

function sizeOfEnum({ values }: DescEnum): Size {
  const longest = Math.max(...values.map(({ name }) => name.length));
  return { bytes: longest + 2, values: 1, keys: 0, longest, depth: 0 };
}

function sizeOfString(field: DescField, rules: FieldRules | undefined): Size {
  const max = maxLengthOf(rules);
  const strings = stringRulesOf(rules);
  const pattern = strings?.pattern ? maxPatternLength(strings.pattern) : undefined;
  const chosen = Math.max(0, ...(strings?.in ?? []).map((one) => one.length));
  const candidates = [
    max?.characters ? max.characters * bytesPerCharacter : undefined,
    max?.bytes ? max.bytes * escapeFactor : undefined,
    pattern === undefined ? undefined : pattern * bytesPerAscii,
    chosen > 0 ? chosen * bytesPerAscii : undefined,
  ].filter((one) => one !== undefined);
  const bytes = finite(field, Math.min(...candidates), "max_len or max_bytes");
  return { bytes: bytes + 2, values: 1, keys: 0, longest: bytes, depth: 0 };
}

function finite(field: DescField, bound: number, rule: string): number {
  if (bound > 0 && Number.isFinite(bound)) return bound;
  throw new Error(
    `${field.toString()} needs the rule ${rule}: ${FieldRulesSchema.typeName} bounds each request`,
  );
}
