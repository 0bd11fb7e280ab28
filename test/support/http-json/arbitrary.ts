import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import fc from "fast-check";

/** Which values a message gets. `any`: all that its types allow. `usual`: mostly values that the rules of the schema allow too. */
export type Taste = "any" | "usual";

const words = [
  "",
  "a",
  "key_1",
  "ws_1",
  "asc",
  "desc",
  "env=prod",
  "a@example.com",
  "agents:read",
  "owner",
  "x y",
];

/** Returns an arbitrary of messages of a schema. `required` are the fields that are never empty. */
export function messages(
  schema: DescMessage,
  taste: Taste,
  required: readonly string[] = [],
): fc.Arbitrary<Message> {
  return jsonOf(schema, taste, required, 0).map((json) => fromJson(schema, json as JsonValue));
}

function jsonOf(
  schema: DescMessage,
  taste: Taste,
  required: readonly string[],
  depth: number,
): fc.Arbitrary<JsonObject> {
  const fields = schema.fields.filter(({ oneof }) => oneof === undefined || oneof.fields.length === 1);
  const model = Object.fromEntries(
    fields.map((field) => [field.jsonName, valuesOf(field, taste, required.includes(field.name), depth)]),
  );
  const requiredKeys = fields.filter(({ name }) => required.includes(name)).map(({ jsonName }) => jsonName);
  return fc.record(model, { requiredKeys }) as fc.Arbitrary<JsonObject>;
}

function valuesOf(field: DescField, taste: Taste, isRequired: boolean, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return fc.array(oneOf(field, taste, depth), { maxLength: 3 });
  if (field.fieldKind === "map")
    return fc.dictionary(fc.constantFrom("env", "a/b", "x"), texts(taste), { maxKeys: 2 });
  const one = oneOf(field, taste, depth);
  return isRequired ? one.filter((value) => value !== "") : one;
}

function oneOf(field: DescField, taste: Taste, depth: number): fc.Arbitrary<unknown> {
  if (field.enum) return enums(field.enum);
  if (field.message) return wellKnown(field.message) ?? jsonOf(field.message, taste, [], depth + 1);
  if (field.scalar === ScalarType.BOOL) return fc.boolean();
  if (field.scalar === ScalarType.STRING) return texts(taste);
  return taste === "any" ? fc.integer() : fc.integer({ min: 0, max: 300 });
}

function texts(taste: Taste): fc.Arbitrary<string> {
  const any = fc.string({ unit: "grapheme", maxLength: 12 });
  return taste === "any"
    ? fc.oneof(any, fc.constantFrom(...words, "a/b", "%2F", "..", ":rotate", "ü", "+"))
    : fc.constantFrom(...words);
}

function enums({ values }: DescEnum): fc.Arbitrary<unknown> {
  return fc.constantFrom(...values.map(({ name }) => name));
}

function wellKnown({ typeName }: DescMessage): fc.Arbitrary<unknown> | undefined {
  if (typeName === "google.protobuf.Timestamp")
    return fc.constantFrom("2030-01-31T12:00:00Z", "1970-01-01T00:00:00.500Z");
  if (typeName === "google.protobuf.Duration") return fc.constantFrom("0s", "3600s", "1.500s");
  if (typeName === "google.protobuf.FieldMask")
    return fc.constantFrom("metadata.name", "spec.expiresAt,metadata.externalId");
  return undefined;
}
