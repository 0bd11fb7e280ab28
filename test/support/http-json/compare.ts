import type { DescMethod, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { getOption } from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import type { Answer } from "../net/http.ts";

/** Returns the body that plain HTTP has for a successful response of Connect: the field that the route names, or all of it. */
export function plainBodyOf(method: DescMethod, connect: JsonObject): JsonValue {
  const { responseBody } = getOption(method, http);
  const field = method.output.fields.find(({ name }) => name === responseBody);
  return field ? (connect[field.jsonName] ?? null) : connect;
}

/** Returns the error of plain HTTP that an error of Connect in JSON stands for. */
export function plainErrorOf({ json, status }: Pick<Answer, "json" | "status">) {
  const details = (json.details ?? []) as { type: string; debug?: JsonObject }[];
  const info = details.find(({ type }) => type === "google.rpc.ErrorInfo")?.debug;
  const bad = details.find(({ type }) => type === "google.rpc.BadRequest")?.debug;
  const violations = (bad?.fieldViolations ?? []) as { field?: string; description: string }[];
  const fields = violations.map(({ field = "", description }) => ({
    field: description === "unknown field" ? withUnknownName(field) : camelCase(field),
    description,
  }));
  const message = fields.map(({ field, description }) =>
    field === "" ? description : `${field}: ${description}`,
  );
  return {
    status,
    json: {
      success: false,
      error: {
        code: info?.reason ?? String(json.code).toUpperCase(),
        message: fields.length > 0 ? message.join("; ") : json.message,
        details: { ...(info?.metadata as JsonObject | undefined), ...(fields.length > 0 && { fields }) },
      },
    },
  };
}

// Names inside of brackets are keys of a map.
function camelCase(path: string): string {
  return path.replaceAll(
    /\[[^\]]*\]|(?<=[a-z0-9])_([a-z])/g,
    (all, letter?: string) => letter?.toUpperCase() ?? all,
  );
}

// The server quotes a name that the schema does not have as the client wrote it.
function withUnknownName(path: string): string {
  const at = path.lastIndexOf(".") + 1;
  return camelCase(path.slice(0, at)) + path.slice(at);
}

// What differs between two calls of the same kind: ids, tokens, hints, times, addresses and random names.
const volatile: [pattern: RegExp, name: string][] = [
  [/\blk_[a-z]+_[0-9a-z]{26}[0-9A-Za-z]{38}\b/g, "<token>"],
  [/\blk_[a-z]+_[0-9a-z]{26}…\w{4}/g, "<hint>"],
  [/\b[a-z]{2,5}_[0-9a-hjkmnp-tv-z]{26}\b/g, "<id>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>"],
  [/[\w.-]+@[\w.-]+/g, "<address>"],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<uuid>"],
  [/\bPerson \d+\b/g, "<person>"],
  [/\b(?:name|role|team|account)[ -]?\d+\b/gi, "<name>"],
];

/** Returns a value without what differs between two calls of the same kind. */
export function comparable<T>(value: T): T {
  let text = JSON.stringify(value);
  for (const [pattern, name] of volatile) text = text.replaceAll(pattern, name);
  return JSON.parse(text) as T;
}
