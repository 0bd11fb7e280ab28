import {
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../../gen/google/api/http_pb.ts";
import { fieldsOf, isWellKnown } from "./field-path.ts";
import { parseTemplate, type Template } from "./template.ts";

/** One route of an RPC: where its message comes from, and what of its response is the body. */
export interface Route {
  method: DescMethodUnary;
  httpMethod: string;
  template: Template;
  /** The fields of each variable of the template, from the outermost to the innermost. */
  pathFields: readonly (readonly DescField[])[];
  /** What the body of a request is: nothing, the whole message, or one field of it. */
  body: "none" | "all" | DescField;
  /** The field of the response that is its body. If it is undefined, the body is the whole response. */
  responseField?: DescField | undefined;
  /** The mask that the server derives from the members of the body if a PATCH has none. */
  maskField?: DescField | undefined;
  /** Whether the request and the response are the same as those of Connect, except for the URL. */
  isPlain: boolean;
}

/** Returns the routes that the schema declares for a method. Fails if a route does not fit its messages. */
export function routesOf(method: DescMethodUnary): Route[] {
  if (!hasOption(method, http)) return [];
  const rule = getOption(method, http);
  return [rule, ...rule.additionalBindings].map((one) => routeOf(method, one));
}

function routeOf(method: DescMethodUnary, rule: HttpRule): Route {
  const fail = (problem: string) => new Error(`the route of ${method.toString()} ${problem}`);
  const { case: pattern, value } = rule.pattern;
  if (pattern === undefined) throw fail("has no HTTP method");
  const template = parseTemplate(value);
  const pathFields = template.variables.map(({ fieldPath }) => {
    const fields = fieldsOf(method.input, fieldPath);
    const last = fields?.at(-1);
    const takesPath = last && (last.fieldKind === "scalar" || last.fieldKind === "enum");
    if (!fields || !takesPath)
      throw fail(`binds ${fieldPath.join(".")}, which is no field with a single value`);
    return fields;
  });
  const httpMethod = pattern.toUpperCase();
  const body =
    rule.body === "" ? "none" : rule.body === "*" ? "all" : topField(method.input, rule.body, fail);
  const responseField =
    rule.responseBody === "" ? undefined : topField(method.output, rule.responseBody, fail);
  const maskField = httpMethod === "PATCH" && body === "all" ? maskFieldOf(method.input) : undefined;
  const isPlain = body === "all" && pathFields.length === 0 && !responseField && !maskField;
  return { method, httpMethod, template, pathFields, body, responseField, maskField, isPlain };
}

function topField(schema: DescMessage, name: string, fail: (problem: string) => Error): DescField {
  const field = schema.fields.find((one) => one.name === name);
  if (!field) throw fail(`names ${name}, which is no field of ${schema.typeName}`);
  return field;
}

function maskFieldOf({ fields }: DescMessage): DescField | undefined {
  return fields.find(
    ({ name, fieldKind, message }) =>
      name === "update_mask" &&
      fieldKind === "message" &&
      message.typeName === "google.protobuf.FieldMask" &&
      isWellKnown(message),
  );
}
