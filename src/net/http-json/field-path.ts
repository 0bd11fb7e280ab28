import {
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";

/**
 * Returns the fields that a path such as `filter.external_id` names, from the outermost to the innermost. Each name may be that
 * of the schema or that of JSON. Returns undefined if there is no such field, or if a list or a map is on the way to it.
 */
export function fieldsOf(schema: DescMessage, names: readonly string[]): DescField[] | undefined {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = schema;
  for (const name of names) {
    const field: DescField | undefined = message?.fields.find(
      (one) => one.name === name || one.jsonName === name,
    );
    if (!field) return undefined;
    fields.push(field);
    message = field.fieldKind === "message" && !isWellKnown(field.message) ? field.message : undefined;
  }
  return fields;
}

/** Returns whether a message has a form of its own in JSON, which is one text. */
export function isWellKnown({ typeName }: DescMessage): boolean {
  return textTypes.has(typeName) || wrapperTypes.has(typeName);
}

const textTypes = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);
const wrapperTypes = new Set(
  ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].map(
    (name) => `google.protobuf.${name}Value`,
  ),
);

/** Returns whether a text can be the value of a field, or of one item of a list. */
export function takesText(field: DescField): boolean {
  return field.fieldKind !== "map" && (!field.message || isWellKnown(field.message));
}

/**
 * Returns the JSON value that a text of a URL stands for. A text that is wrong for its field stays a text, so that the parser
 * of JSON rejects it as it rejects the same text in a body.
 */
export function jsonValueOf(field: DescField, text: string): JsonValue {
  if (field.enum) return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
  const { typeName } = field.message ?? {};
  // JSON has the names of JSON in a mask. In a URL, both are accepted.
  if (typeName === "google.protobuf.FieldMask")
    return text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const isBool =
    typeName === "google.protobuf.BoolValue" || (!field.message && field.scalar === ScalarType.BOOL);
  return isBool && (text === "true" || text === "false") ? text === "true" : text;
}

/** Sets a value in a JSON object, at the place of a field in a message. */
export function setIn(object: JsonObject, fields: readonly DescField[], value: JsonValue): void {
  let inner = object;
  for (const { jsonName } of fields.slice(0, -1)) {
    const known = inner[jsonName];
    const next: JsonObject = isObject(known) ? known : {};
    inner[jsonName] = next;
    inner = next;
  }
  const last = fields.at(-1);
  if (last) inner[last.jsonName] = value;
}

/** Returns whether a value of JSON is an object. */
export function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Returns the path of a field in the names of JSON. */
export function pathOfFields(fields: readonly DescField[]): string {
  return fields.map(({ jsonName }) => jsonName).join(".");
}
