import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import {
  type Document,
  type Operation,
  type Response,
  type Schema,
  verbs,
} from "../../../openapi/document.ts";

/** An answer of the server, with the request that it belongs to. */
export interface Answer {
  method: string;
  /** The path of the request, without the query. */
  path: string;
  status: number;
  headers: Headers;
  text: string;
}

/** What an answer is by the document: the operation that it belongs to, if there is one, and what is wrong with it. */
export interface Checked {
  operationId: string | undefined;
  problems: string[];
}

/**
 * Creates the check of answers against a document. It is stricter than the document: a member that the document does not
 * name is a problem.
 */
export function createAnswerCheck(document: Document): (answer: Answer) => Checked {
  const pathOf = createMatcher(Object.keys(document.paths));
  const schemaProblems = createSchemaCheck(document);

  function check(answer: Answer, place: Place | undefined): string[] {
    if (!place) return answer.status < 400 ? [noResponse(answer)] : bodyProblems(answer, anyError);
    const found = responseOf(document, place, answer.status);
    if (!found) return [noResponse(answer)];
    const missing = Object.keys(found.response.headers ?? {})
      .filter((name) => document.components.headers[name]?.required && !answer.headers.has(name))
      .map((name) => `the header ${name} is missing`);
    return [...missing, ...bodyProblems(answer, pointersOf(found))];
  }

  function bodyProblems({ method, headers, text }: Answer, pointers: Pointers): string[] {
    if (method === "HEAD") return text === "" ? [] : ["a response to HEAD has a body"];
    if (!pointers) return text === "" ? [] : ["the document has no body for this response"];
    const type = (headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
    const pointer = pointers[type];
    if (!pointer) return [`the document does not have the content type "${type}" for this response`];
    return /[/+]json$/.test(type) ? schemaProblems(pointer, JSON.parse(text)) : [];
  }

  return (answer) => {
    const template = pathOf(answer.path);
    const place = placeOf(document, template, answer.method);
    const problems = check(answer, place ?? wrongMethodOf(document, template));
    return { operationId: place?.operation.operationId, problems };
  };
}

const noResponse = ({ status }: Answer) => `the document has no response with status ${status}`;

/** Where the schema of each content type is. Without content, the body is empty. */
type Pointers = Record<string, string> | undefined;

// An answer to a path or a method that the document does not have is an error.
const anyError: Pointers = {
  "application/json": "#/components/schemas/ErrorResponse",
  "application/problem+json": "#/components/schemas/ProblemDetails",
};

function pointersOf({ response, pointer }: Found): Pointers {
  const types = Object.keys(response.content ?? {});
  if (types.length === 0) return undefined;
  return Object.fromEntries(types.map((type) => [type, `${pointer}/content/${escaped(type)}/schema`]));
}

interface Found {
  response: OwnResponse;
  pointer: string;
}

type OwnResponse = Exclude<Response, { $ref: string }>;

/** An operation and where it is in the document. */
interface Place {
  operation: Operation;
  pointer: string;
}

function placeOf(document: Document, path: string | undefined, method: string): Place | undefined {
  if (path === undefined) return undefined;
  const item = document.paths[path];
  const verb = method === "HEAD" || item?.["x-any-method"] ? "get" : method.toLowerCase();
  const operation = item?.[verb as (typeof verbs)[number]];
  return operation && { operation, pointer: `#/paths/${escaped(path)}/${verb}` };
}

// Some endpoints have their own answer to a method that they do not accept.
function wrongMethodOf(document: Document, path: string | undefined): Place | undefined {
  const item = document.paths[path ?? ""];
  const verb = verbs.find((one) => item?.[one] && "405" in item[one].responses);
  const operation = verb && item?.[verb];
  return operation && { operation, pointer: `#/paths/${escaped(path ?? "")}/${verb}` };
}

function responseOf({ components }: Document, place: Place, status: number): Found | undefined {
  const { responses } = place.operation;
  const key = String(status) in responses ? String(status) : status >= 400 ? "default" : "none";
  const response = responses[key];
  if (!response) return undefined;
  if (!("$ref" in response)) return { response, pointer: `${place.pointer}/responses/${key}` };
  const target = components.responses[response.$ref.replace(/.*\//, "")];
  if (!target || "$ref" in target) throw new Error(`${response.$ref} leads nowhere`);
  return { response: target, pointer: response.$ref };
}

// A template with more text of its own comes first: `{id}:rotate` before `{id}`.
function createMatcher(templates: readonly string[]): (path: string) => string | undefined {
  const ownText = (template: string) => template.replace(/\{[^}]*\}/g, "").length;
  const patterns = [...templates]
    .sort((one, other) => ownText(other) - ownText(one))
    .map((template) => {
      const [...texts] = template
        .split(/\{[^}]*\}/)
        .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      return { template, pattern: new RegExp(`^${texts.join("[^/]+")}$`) };
    });
  return (path) => patterns.find(({ pattern }) => pattern.test(path))?.template;
}

function createSchemaCheck(document: Document): (pointer: string, value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(closed(document), "document", undefined, false);
  const compiled = new Map<string, ValidateFunction>();
  return (pointer, value) => {
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `document${pointer}` });
    compiled.set(pointer, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${instancePath || "the body"} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** Returns the document with components that allow no further members. */
function closed(document: Document): Document {
  const schemas = Object.entries(document.components.schemas);
  const components = {
    ...document.components,
    schemas: Object.fromEntries(schemas.map(([name, one]) => [name, close(one)])),
  };
  return { ...document, components };
}

function close(schema: Schema): Schema {
  if (!schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(([name, one]) => [name, close(one)] as const);
  return { additionalProperties: false, ...schema, properties: Object.fromEntries(properties) };
}

const escaped = (name: string) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
