import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type JsonObject,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import { beforeAll, expect, test } from "vitest";
import type { Owner } from "../support/app.ts";
import { serve } from "../support/net/http.ts";
import { sampled } from "../support/random.ts";
import { callerFor, headersFor } from "../support/schema/callers.ts";
import { isRead, methods, nameOf, validRequest } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

// Text that Postgres cannot store, text that JSON can express and UTF-8 cannot, and text that must not be in a log line.
const nasty = { "a NUL byte": "\u0000", "half a surrogate pair": "a\ud800b", "a line break": "a\nb" };

let prepared: { method: DescMethod; owner: Owner; valid: JsonObject }[];
let fields: { at: (typeof prepared)[number]; path: Path }[];
beforeAll(async () => {
  prepared = [];
  // Reads change nothing, so they share an account.
  const ofReads = await app.newAccount();
  for (const method of methods) {
    if (stringPaths(method.input).length === 0) continue;
    const owner = isRead(method) ? ofReads : await app.newAccount();
    const valid = toJson(method.input, await validRequest(app, owner, method)) as JsonObject;
    prepared.push({ method, owner, valid });
  }
  fields = prepared.flatMap((at) => stringPaths(at.method.input).map((path) => ({ at, path })));
});

// Only the last text is valid in some fields. The requests before it change nothing, so all texts share their accounts. A field
// without a `pattern` accepts all texts, so in `npm test`, each field gets the first one, and half of them each of the others.
for (const [salt, [what, text]] of Object.entries(nasty).entries()) {
  test(`${what} in any string field of any RPC never causes an internal error`, async () => {
    const http = await serve(app);
    expect(fields.length).toBeGreaterThan(100);
    for (const { at, path } of salt === 0 ? fields : sampled(fields, Math.ceil(fields.length / 2), salt)) {
      const { method, owner, valid } = at;
      const { status, text: response } = await http.post(method, {
        body: withText(valid, path, text),
        token: callerFor(app, owner, method).token,
        headers: headersFor(owner, method),
      });
      const help = `${nameOf(method)} ${path.join(".")}: ${response}. Give the field a \`pattern\` in the schema`;
      expect(status, help).toBeLessThan(500);
    }
  });
}

type Path = string[];

// In a path, "[]" is an item of a list, "{}" is a value of a map, and "{key}" is its key.
function stringPaths(schema: DescMessage): Path[] {
  return schema.fields.flatMap((field) => pathsOf(field).map((rest) => [field.jsonName, ...rest]));
}

function pathsOf(field: DescField): Path[] {
  if (field.fieldKind === "map") return [["{}"], ["{key}"]];
  const list = field.fieldKind === "list" ? ["[]"] : [];
  if (field.scalar === ScalarType.STRING || field.message?.typeName === "google.protobuf.FieldMask")
    return [list];
  if (!field.message || field.message.typeName.startsWith("google.")) return [];
  return stringPaths(field.message).map((rest) => [...list, ...rest]);
}

function withText(json: unknown, [first, ...rest]: Path, text: string): unknown {
  if (first === undefined) return text;
  if (first === "[]") return [withText(Array.isArray(json) ? json[0] : undefined, rest, text)];
  if (first === "{}") return { key: text };
  if (first === "{key}") return { [text]: "value" };
  const object = (json ?? {}) as JsonObject;
  return { ...object, [first]: withText(object[first], rest, text) };
}
