import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";

/** A request of plain HTTP. */
export interface PlainRequest {
  method: string;
  /** The path and the query. */
  path: string;
  /** The body, if the route has one. */
  body?: string;
}

/** Choices of a client that make no difference to the server. */
export interface Spelling {
  /** Whether fields have the names of the schema, in place of those of JSON. */
  isSnake?: boolean;
  /** Whether fields of the path are in the body too. */
  repeatsPath?: boolean;
}

/** Returns a message as a client of plain HTTP sends it, by the route of its method. Written without the code of the server. */
export function plainRequestOf(method: DescMethod, message: Message, spelling: Spelling = {}): PlainRequest {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined) throw new Error(`${method.toString()} has no route`);
  const json = toJson(method.input, message, { useProtoFieldName: true }) as JsonObject;
  const inPath: string[] = [];
  const path = pattern.value.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    inPath.push(name);
    return encodeURIComponent(String(json[name] ?? ""));
  });
  const repeats = body === "*" && spelling.repeatsPath === true;
  const others = Object.fromEntries(
    Object.entries(json).filter(([name]) => repeats || !inPath.includes(name)),
  );
  const names = spelling.isSnake ? others : inCamelCase(method.input, others);
  const httpMethod = pattern.case.toUpperCase();
  if (body === "*") return { method: httpMethod, path, body: JSON.stringify(names) };
  const query = new URLSearchParams(parametersOf(names, ""));
  return { method: httpMethod, path: query.size > 0 ? `${path}?${query}` : path };
}

/** Returns the query parameters of a JSON object: nested fields with dots, and lists as repeated parameters. */
export function parametersOf(json: JsonObject, prefix: string): [name: string, value: string][] {
  return Object.entries(json).flatMap(([name, value]): [string, string][] => {
    if (Array.isArray(value)) return value.map((one) => [prefix + name, String(one)]);
    if (typeof value === "object" && value !== null) return parametersOf(value, `${prefix}${name}.`);
    return [[prefix + name, String(value)]];
  });
}

function inCamelCase(schema: DescMessage, json: JsonObject): JsonObject {
  const entries = Object.entries(json).map(([name, value]): [string, JsonValue] => {
    const field = schema.fields.find((one) => one.name === name);
    return field ? [field.jsonName, valueInCamelCase(field, value)] : [name, value];
  });
  return Object.fromEntries(entries);
}

function valueInCamelCase(field: DescField, value: JsonValue): JsonValue {
  const inner = field.fieldKind === "map" ? undefined : field.message;
  if (!inner) return value;
  const one = (item: JsonValue) =>
    typeof item === "object" && item !== null && !Array.isArray(item) ? inCamelCase(inner, item) : item;
  return Array.isArray(value) ? value.map(one) : one(value);
}
