import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import type { DurationRules, FieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { maxLengthOf, rulesOf, stringRulesOf } from "../../../src/rpc/middleware/field-rules.ts";
import { maxPatternLength } from "../../../src/rpc/middleware/pattern.ts";

/** Returns a request with every field at its maximum length: lists and maps are full, and strings have the longest text. */
export function largestJson(schema: DescMessage): JsonObject {
  return Object.fromEntries(schema.fields.map((field) => [field.jsonName, largestOf(field)]));
}

/** Returns the same as a message. */
export function largestMessage(schema: DescMessage) {
  return fromJson(schema, largestJson(schema));
}

function largestOf(field: DescField): JsonValue {
  const { type } = rulesOf(field) ?? {};
  if (field.fieldKind === "list") {
    const rules = type?.case === "repeated" ? type.value : undefined;
    return times(Number(rules?.maxItems)).map((n) => largestOne(field, rules?.items, n));
  }
  if (field.fieldKind === "map") {
    const rules = type?.case === "map" ? type.value : undefined;
    const entry = (n: number) => [labelKey(n), largestOne(field, rules?.values, n)] as const;
    return Object.fromEntries(times(Number(rules?.maxPairs)).map(entry));
  }
  return largestOne(field, rulesOf(field), 0);
}

function largestOne(field: DescField, rules: FieldRules | undefined, n: number): JsonValue {
  if (field.enum) return field.enum.values.at(-1)?.name ?? "";
  if (rules?.type.case === "duration") return largestDuration(rules.type.value);
  if (field.message) return wellKnown[field.message.typeName] ?? largestJson(field.message);
  if (field.scalar === ScalarType.STRING) return largestText(rules, n);
  return field.scalar === ScalarType.BOOL ? true : 1_000_000;
}

const wellKnown: Record<string, JsonValue> = {
  "google.protobuf.Timestamp": "2030-01-31T12:00:00.123456789Z",
  "google.protobuf.Duration": "604799.123456789s",
  "google.protobuf.FieldMask": "metadata.name,metadata.labels,spec.description,spec.permissions",
};

function largestDuration({ lessThan }: DurationRules): JsonValue {
  const most = lessThan.case === "lte" ? lessThan.value.seconds : 604_800n;
  return `${most - 1n}.123456789s`;
}

// The longest key that is valid: a DNS prefix of 253 characters, and a name of 63.
function labelKey(n: number): string {
  return `${numbered(n, 253)}/${numbered(n, 63)}`;
}

function largestText(rules: FieldRules | undefined, n: number): string {
  const strings = stringRulesOf(rules);
  if (strings?.wellKnown.case === "email")
    return `${"a".repeat(60)}@${"b".repeat(60)}.${"c".repeat(60)}.example`;
  if (strings?.in.length) return strings.in.at(-1) ?? "";
  if (strings?.pattern.includes("(=[0-9]{1,12})?")) return `${numbered(n, 63)}=${"9".repeat(12)}`;
  const max = maxLengthOf(rules);
  const pattern = strings?.pattern ? maxPatternLength(strings.pattern) : undefined;
  return numbered(n, max?.characters || max?.bytes || pattern || 0);
}

// Each item of a list has another text.
function numbered(n: number, length: number): string {
  const end = n.toString(36);
  return "a".repeat(length - end.length) + end;
}

function times(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
