import {
  create,
  type DescField,
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  mergeFromJson,
  toJson,
} from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import type { FastPathMethod, FastPathOptions } from "../fast-path/codec.ts";
import { isObject, pathOfFields } from "./field-path.ts";
import type { Route } from "./route.ts";
import { wrongFields } from "./wrong-fields.ts";

/** The parts of a request that become its message. */
export interface RequestParts {
  route: Route;
  /** The fields that are in the path, and those in the query. */
  path: JsonObject;
  query: JsonObject;
  /** The decompressed body. Empty if the request has none. */
  body: Uint8Array;
}

type ParseBody = (body: Uint8Array) => Promise<Message>;

/** The methods of the schema, as far as a request message depends on them. */
type Method = Pick<FastPathMethod, "check" | "parseError" | "changeable"> & { method: DescMethodUnary };

const emptyBody = Buffer.from("{}");

/**
 * Returns the message of a request. `parse` parses a body as Connect does. Throws the same errors as for a body, and refuses a
 * field that has one value in the path and another one in the body.
 */
export async function requestMessage(
  method: Method,
  { route, path, query, body }: RequestParts,
  { jsonOptions }: Pick<FastPathOptions, "jsonOptions">,
  parse: ParseBody,
): Promise<Message> {
  const fromUrl = { ...query, ...path };
  const text = body.length > 0 ? body : emptyBody;
  if (route.body === "none") {
    refuseBody(body);
    return mergeJson(method, create(method.method.input), fromUrl, jsonOptions);
  }
  if (route.body !== "all")
    return mergeJson(method, await parse(wrap(route.body, text)), fromUrl, jsonOptions);
  const message = await parse(text);
  if (route.maskField) deriveMask(method, route.maskField, message, text);
  if (route.pathFields.length === 0) return message;
  refuseDifferent(method, route, message, path, jsonOptions);
  return mergeJson(method, message, path, jsonOptions);
}

// Clients send `{}` for a request without fields.
function refuseBody(body: Uint8Array): void {
  if (body.length === 0 || /^\s*(?:\{\s*\}\s*)?$/.test(Buffer.from(body).toString("latin1"))) return;
  throw wrongFields([
    { field: "", description: "this route takes no body: send the fields in the path and the query" },
  ]);
}

// The body must be one value of JSON. Otherwise, it could add other fields to the object around it.
function wrap({ jsonName }: DescField, body: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(body);
  try {
    JSON.parse(text);
  } catch {
    throw wrongFields([{ field: jsonName, description: "expected JSON" }]);
  }
  return Buffer.from(`{${JSON.stringify(jsonName)}:${text}}`);
}

function mergeJson(
  { method, check, parseError }: Method,
  message: Message,
  json: JsonObject,
  jsonOptions: FastPathOptions["jsonOptions"],
): Message {
  const bytes = Buffer.from(JSON.stringify(json));
  check(bytes, true);
  try {
    return mergeFromJson(method.input, message, json, jsonOptions);
  } catch {
    throw parseError(bytes, true);
  }
}

// Compares the values in JSON, where equal values have one form.
function refuseDifferent(
  { method, parseError }: Method,
  { pathFields }: Route,
  message: Message,
  path: JsonObject,
  jsonOptions: FastPathOptions["jsonOptions"],
): void {
  const inBody = toJson(method.input, message);
  const inPath = toJson(method.input, parsePath());
  const different = pathFields.filter((fields) => {
    const value = valueAt(inBody, fields);
    return value !== undefined && value !== valueAt(inPath, fields);
  });
  if (different.length === 0) return;
  const description = "the body has another value than the path: leave it out of the body";
  throw wrongFields(different.map((fields) => ({ field: pathOfFields(fields), description })));

  function parsePath(): Message {
    try {
      return fromJson(method.input, path, jsonOptions);
    } catch {
      throw parseError(Buffer.from(JSON.stringify(path)), true);
    }
  }
}

function valueAt(json: JsonValue, fields: readonly DescField[]): JsonValue | undefined {
  let value: JsonValue | undefined = json;
  for (const { jsonName } of fields) value = isObject(value) ? value[jsonName] : undefined;
  return value;
}

// A PATCH without a mask changes the fields that the body has. An empty value or null clears a field.
function deriveMask(
  { method, changeable = [] }: Method,
  maskField: DescField,
  message: Message,
  body: Uint8Array,
): void {
  const json = JSON.parse(new TextDecoder().decode(body)) as JsonObject;
  if (json[maskField.jsonName] != null || json[maskField.name] != null) return;
  const named = new Set(
    method.input.fields.flatMap((field) => {
      const members = json[field.jsonName] ?? json[field.name];
      if (field.fieldKind !== "message" || !isObject(members)) return [];
      return field.message.fields
        .filter(({ name, jsonName }) => Object.hasOwn(members, name) || Object.hasOwn(members, jsonName))
        .map(({ name }) => `${field.name}.${name}`);
    }),
  );
  const paths = changeable.filter((path) => named.has(path));
  const mask = create(FieldMaskSchema, { paths });
  if (paths.length > 0) Reflect.set(message, maskField.localName, mask);
}
