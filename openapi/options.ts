import { createRegistry, type DescField, type DescFile, type DescMethod, toJson } from "@bufbuild/protobuf";
import { FieldOptionsSchema, MethodOptionsSchema } from "@bufbuild/protobuf/wkt";
import { getComments } from "@bufbuild/protoplugin";
import { withJsonNames } from "./names.ts";

/** The options of the schema that the document depends on. */
export interface Options {
  /** Returns the HTTP routes of an RPC: its own first, then the additional ones. */
  routesOf(method: DescMethod): Route[];
  /** Returns the access rule of an RPC. Throws if it has none. */
  accessOf(method: DescMethod): Access;
  /** Returns the field rules of protovalidate. */
  rulesOf(field: DescField): Rules;
  /** Returns whether the field contains a secret. */
  isSecret(field: DescField): boolean;
}

/** An HTTP route of an RPC, in the words of `google.api.http`. */
export interface Route {
  verb: string;
  template: string;
  body: string;
  responseBody: string;
}

/** The access rule of an RPC, as in `latchkey/v1/access.proto`. */
export interface Access {
  public?: boolean;
  user?: boolean;
  principal?: boolean;
  permission?: string;
  platformPermission?: string;
  orOwn?: boolean;
  optionalUser?: boolean;
}

interface Limits {
  gt?: number;
  gte?: number;
  lt?: number;
  lte?: number;
}

/** The rules of a field, as protobuf writes them in JSON. */
export interface Rules {
  required?: boolean;
  ignore?: string;
  cel?: { message?: string }[];
  int32?: Limits;
  string?: {
    minLen?: string;
    maxLen?: string;
    maxBytes?: string;
    pattern?: string;
    in?: string[];
    email?: boolean;
  };
  enum?: { definedOnly?: boolean; in?: number[] };
  repeated?: { minItems?: string; maxItems?: string; unique?: boolean; items?: Rules };
  map?: { minPairs?: string; maxPairs?: string; keys?: Rules; values?: Rules };
  duration?: { gt?: string; gte?: string; lt?: string; lte?: string };
}

interface HttpRule {
  get?: string;
  put?: string;
  post?: string;
  delete?: string;
  patch?: string;
  body?: string;
  responseBody?: string;
  additionalBindings?: HttpRule[];
}

/**
 * Creates the reader of options. It takes the extensions from the files that the compiler sends. Generated code cannot be
 * used, because the compiler removes it before it starts the plugin.
 */
export function createOptions(files: readonly DescFile[]): Options {
  const registry = createRegistry(...files);
  function method<T>(from: DescMethod, extension: string): T | undefined {
    if (!from.proto.options) return undefined;
    const json = toJson(MethodOptionsSchema, from.proto.options, { registry });
    return (json as Record<string, T>)[`[${extension}]`];
  }
  function field<T>(from: DescField, extension: string): T | undefined {
    if (!from.proto.options) return undefined;
    const json = toJson(FieldOptionsSchema, from.proto.options, { registry });
    return (json as Record<string, T>)[`[${extension}]`];
  }
  return {
    routesOf(from) {
      const rule = method<HttpRule>(from, "google.api.http");
      return rule ? [rule, ...(rule.additionalBindings ?? [])].map(routeOf) : [];
    },
    accessOf(from) {
      const access = method<Access>(from, "latchkey.v1.access");
      if (!access) throw new Error(`${from.name} has no access rule`);
      return access;
    },
    rulesOf: (from) => field<Rules>(from, "buf.validate.field") ?? {},
    isSecret: (from) => field<boolean>(from, "latchkey.v1.redact") ?? false,
  };
}

function routeOf(rule: HttpRule): Route {
  for (const verb of ["get", "put", "post", "delete", "patch"] as const) {
    const template = rule[verb];
    if (template) return { verb, template, body: rule.body ?? "", responseBody: rule.responseBody ?? "" };
  }
  throw new Error("a route has no method");
}

/** Returns the comment of an element as Markdown, with the names of JSON. Lines of one paragraph are joined. */
export function commentOf(element: Parameters<typeof getComments>[0]): string {
  const text = textOf(element);
  const hasFields = element.kind === "rpc" || element.kind === "message" || element.kind === "field";
  return hasFields ? withJsonNames(text, element) : text;
}

function textOf(element: Parameters<typeof getComments>[0]): string {
  const lines = (getComments(element).leading ?? "").split("\n").map((line) => line.trim());
  return lines
    .join("\n")
    .trim()
    .replace(/([^\n])\n(?=[^\n-])/g, "$1 ");
}
