import type { DescField, JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { WrongField } from "./error-body.ts";
import { fieldsOf, jsonValueOf, pathOfFields, setIn, takesText } from "./field-path.ts";
import type { Route } from "./route.ts";
import { clientsName, wrongFields } from "./wrong-fields.ts";

/** A query parameter, decoded. */
export type Parameter = readonly [name: string, value: string];

// No request needs more. The limit bounds the work on a request before its bearer is known.
const maxParameters = 128;

/**
 * Returns the parameters of a query string (`application/x-www-form-urlencoded`, where `+` is a space). Throws if a parameter
 * is not valid percent-encoding of UTF-8, or if there are more than 128 parameters.
 */
export function parseQuery(query: string): Parameter[] {
  const parts = query.split("&", maxParameters + 1);
  if (parts.length > maxParameters) {
    throw wrongFields([{ field: "", description: `expected at most ${maxParameters} query parameters` }]);
  }
  return parts
    .filter((one) => one !== "")
    .map((one) => {
      const at = one.indexOf("=");
      const [name, value] = at === -1 ? [one, ""] : [one.slice(0, at), one.slice(at + 1)];
      const decodedName = decodeText(name);
      const decodedValue = decodeText(value);
      if (decodedName === undefined || decodedValue === undefined) {
        const field = decodedName === undefined ? "" : clientsName(decodedName);
        throw wrongFields([{ field, description: "expected percent-encoded UTF-8 in the query" }]);
      }
      return [decodedName, decodedValue];
    });
}

function decodeText(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/**
 * Returns the JSON of the fields that are in a query. Throws if a parameter names no field, a field that the path or the body
 * has, a field that cannot be in a query, or a field with one value that has a value already.
 */
export function bindQuery(route: Route, parameters: readonly Parameter[]): JsonObject {
  const bound: JsonObject = {};
  if (parameters.length === 0) return bound;
  const lists = new Map<string, JsonValue[]>();
  const seen = new Set(route.pathFields.map(pathOfFields));
  const wrong: WrongField[] = [];
  for (const [name, text] of parameters) {
    const fields = route.body === "all" ? undefined : fieldsOf(route.method.input, name.split("."));
    const problem = fields ? problemOf(route, fields, seen) : unknownIn(route);
    const last = fields?.at(-1);
    if (problem !== undefined || !fields || !last) {
      wrong.push({ field: fields ? pathOfFields(fields) : clientsName(name), description: problem ?? "" });
      continue;
    }
    const path = pathOfFields(fields);
    const value = jsonValueOf(last, text);
    if (last.fieldKind !== "list") {
      seen.add(path);
      setIn(bound, fields, value);
      continue;
    }
    const list = lists.get(path) ?? [];
    list.push(value);
    lists.set(path, list);
    setIn(bound, fields, list);
  }
  if (wrong.length > 0) throw wrongFields(wrong);
  return bound;
}

function unknownIn({ body }: Route): string {
  return body === "all" ? "unknown query parameter: send fields in the body" : "unknown query parameter";
}

function problemOf(
  route: Route,
  fields: readonly DescField[],
  seen: ReadonlySet<string>,
): string | undefined {
  const [first] = fields;
  const last = fields.at(-1);
  if (!last || !takesText(last)) return "a message or a map cannot be in the query";
  if (first === route.body) return "this field is the body of the request";
  if (!seen.has(pathOfFields(fields))) return undefined;
  return isInPath(route, fields)
    ? "the path already has this field"
    : "expected one value, but the query has two";
}

function isInPath({ pathFields }: Route, fields: readonly DescField[]): boolean {
  const path = pathOfFields(fields);
  return pathFields.some((one) => pathOfFields(one) === path);
}

/** Returns the JSON of the fields that are in a path. Throws if a value is not valid percent-encoding of UTF-8. */
export function bindPath({ template, pathFields }: Route, segments: readonly string[]): JsonObject {
  const bound: JsonObject = {};
  for (const [index, { start, end, isMulti }] of template.variables.entries()) {
    const fields = pathFields[index];
    const last = fields?.at(-1);
    if (!fields || !last) continue;
    const isRest = template.segments[end - 1]?.kind === "rest";
    const values = segments.slice(start, isRest ? undefined : end);
    try {
      const text = isMulti ? values.map(decodeKeepingSlashes).join("/") : decodeURIComponent(values[0] ?? "");
      setIn(bound, fields, jsonValueOf(last, text));
    } catch {
      throw wrongFields([
        { field: pathOfFields(fields), description: "expected percent-encoded UTF-8 in the path" },
      ]);
    }
  }
  return bound;
}

// google/api/http.proto: a variable of several segments keeps its encoded slashes, so that their places stay known.
function decodeKeepingSlashes(segment: string): string {
  return segment
    .split(/(%2f)/i)
    .map((part) => (/^%2f$/i.test(part) ? part : decodeURIComponent(part)))
    .join("");
}
