import { type DescField, type DescMessage, fromJson, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "../../domain/kernel/error.ts";

// A longer list would not help the client.
const maxViolations = 32;
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
  const found = messageViolations(schema, json, "");
  // The parser also rejects what this walk does not detect, for example a repeated key.
  return found.length > 0
    ? found.slice(0, maxViolations)
    : [{ field: "", description: `expected a ${schema.typeName}` }];
}

function messageViolations(schema: DescMessage, json: JsonValue, path: string): Violation[] {
  if (!isObject(json)) return [{ field: path, description: "expected an object" }];
  return Object.entries(json).flatMap(([key, value]) => {
    const field = schema.fields.find((one) => one.jsonName === key || one.name === key);
    if (!field) return [{ field: join(path, clientsName(key)), description: "unknown field" }];
    if (parses(schema, { [key]: value })) return [];
    return fieldViolations(field, value, join(path, field.name));
  });
}

function fieldViolations(field: DescField, value: JsonValue, path: string): Violation[] {
  const inner = field.message;
  if (inner && !isWellKnown(inner)) {
    if (field.fieldKind === "message") return messageViolations(inner, value, path);
    if (field.fieldKind === "list" && Array.isArray(value)) {
      return value.flatMap((item, index) => messageViolations(inner, item, `${path}[${index}]`));
    }
  }
  return [{ field: path, description: `expected ${describe(field)}` }];
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
  if (field.message?.typeName === "google.protobuf.FieldMask") return "field paths joined by commas";
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
