import { type DescField, type DescMessage, fromJson, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { maxViolations, type Violation } from "../../domain/kernel/error.ts";

const maxNameLength = 40;

/** Returns a name that a client chose, for use in an error. A longer name is left out, because it may be a token. */
export function clientsName(name: string): string {
  return name.length <= maxNameLength ? name : "(a long name)";
}

/** Returns what is wrong with a JSON body that cannot be parsed: one violation per field, by path. Never quotes a value. */
export function jsonViolations(schema: DescMessage, text: string): Violation[] {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch {
    return [{ field: "", description: "expected JSON" }];
  }
  const found: Violation[] = [];
  for (const violation of messageViolations(schema, json, "")) {
    found.push(violation);
    if (found.length === maxViolations) break;
  }
  // The parser also rejects what this walk does not detect, for example a repeated key.
  return found.length > 0 ? found : [{ field: "", description: `expected a ${schema.typeName}` }];
}

type Found = Generator<Violation>;

// A generator, so that the walk stops at the maximum number of violations.
function* messageViolations(schema: DescMessage, json: JsonValue, path: string): Found {
  if (!isObject(json)) {
    yield { field: path, description: "expected an object" };
    return;
  }
  for (const key in json) {
    const value = json[key] as JsonValue;
    const field = schema.fields.find((one) => one.jsonName === key || one.name === key);
    if (!field) yield { field: join(path, clientsName(key)), description: "unknown field" };
    else if (!parses(schema, { [key]: value })) yield* fieldViolations(field, value, join(path, field.name));
  }
}

function* fieldViolations(field: DescField, value: JsonValue, path: string): Found {
  const inner = field.message;
  const isOurs = inner && !isWellKnown(inner);
  if (isOurs && field.fieldKind === "message") yield* messageViolations(inner, value, path);
  else if (isOurs && field.fieldKind === "list" && Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* messageViolations(inner, item, `${path}[${index}]`);
  } else yield { field: path, description: `expected ${describe(field)}` };
}

function parses(schema: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(schema, json);
    return true;
  } catch {
    return false;
  }
}

function describe(field: DescField): string {
  const one = describeValue(field);
  if (field.fieldKind === "list") return `a list of ${one}s`;
  return field.fieldKind === "map" ? `an object of ${one}s` : one;
}

function describeValue(field: DescField): string {
  if (field.enum) return `one of ${field.enum.values.map((value) => value.name).join(", ")}`;
  if (field.message?.typeName === "google.protobuf.Timestamp")
    return "an RFC 3339 time such as 2030-01-31T12:00:00Z";
  if (field.message?.typeName === "google.protobuf.Duration") return "a duration in seconds such as 3600s";
  if (field.message?.typeName === "google.protobuf.FieldMask")
    return 'lowerCamelCase paths joined by commas, such as "spec.expiresAt"';
  if (field.message) return `a ${field.message.typeName}`;
  if (field.scalar === ScalarType.STRING) return "string";
  return field.scalar === ScalarType.BOOL ? "true or false" : "whole number";
}

function isWellKnown(schema: DescMessage): boolean {
  return schema.typeName.startsWith("google.protobuf.");
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
