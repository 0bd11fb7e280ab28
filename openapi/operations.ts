import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { MediaType, Operation, Parameter, Schema } from "./document.ts";
import { errorResponses } from "./errors.ts";
import { type Example, examples } from "./examples.ts";
import { type Access, commentOf, type Options, type Route } from "./options.ts";
import type { Schemas } from "./schemas.ts";

/** An operation with the path and the method that it belongs to. */
export interface Placed {
  path: string;
  verb: string;
  operation: Operation;
}

/** The names of the security schemes. One of them is sufficient. */
export const bearers: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }];

/** Returns the operations of an RPC, one for each route. */
export function operationsOf(method: DescMethod, options: Options, schemas: Schemas): Placed[] {
  return options
    .routesOf(method)
    .map((route, index) => placed(method, route, index === 0 ? "" : `${index + 1}`, options, schemas));
}

function placed(
  method: DescMethod,
  route: Route,
  suffix: string,
  options: Options,
  schemas: Schemas,
): Placed {
  const access = options.accessOf(method);
  const { inPath, inQuery, body, path } = split(method, route);
  const hasAccount = access.principal === true || access.permission !== undefined;
  const parameters: Parameter[] = [
    ...inPath.map((field) => pathParameter(field, schemas)),
    ...inQuery.map((field) => queryParameter(field, schemas)),
    ...(hasAccount ? accountParameters : []),
  ];
  const comment = commentOf(method);
  const example = suffix === "" ? examples[method.name] : undefined;
  const operation: Operation = {
    tags: [method.parent.name],
    operationId: `${method.name.charAt(0).toLowerCase()}${method.name.slice(1)}${suffix}`,
    summary: titleOf(method.name),
    description: [comment, `**Access:** ${sentenceOf(access)}`].join("\n\n"),
    security: securityOf(access),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: requestBody(method, body, `${method.input.name}${suffix}`, schemas, example),
    }),
    responses: {
      "200": success(method, route, schemas, example),
      ...errorResponses(statusesOf(route)),
    },
  };
  return { path, verb: route.verb, operation };
}

function split({ input }: DescMethod, { template, body }: Route) {
  const fieldOf = (name: string) => {
    const field = input.fields.find((one) => one.name === name || one.jsonName === name);
    if (!field) throw new Error(`${input.name} has no field ${name}`);
    return field;
  };
  const inPath = [...template.matchAll(/\{([^}=]+)(?:=[^}]*)?\}/g)].map(([, name = ""]) => fieldOf(name));
  const path = template.replace(
    /\{([^}=]+)(?:=[^}]*)?\}/g,
    (_all, name: string) => `{${fieldOf(name).jsonName}}`,
  );
  const others = input.fields.filter((field) => !inPath.includes(field));
  if (body === "*") return { inPath, inQuery: [], body: others, path };
  if (body === "") return { inPath, inQuery: others, path };
  const named = fieldOf(body);
  return { inPath, inQuery: others.filter((field) => field !== named), body: named, path };
}

function pathParameter(field: DescField, schemas: Schemas): Parameter {
  const { description = "", ...schema } = schemas.ofField(field, "request");
  return { name: field.jsonName, in: "path", required: true, description, schema };
}

function queryParameter(field: DescField, schemas: Schemas): Parameter {
  if (field.fieldKind === "map" || (field.message && !field.message.typeName.startsWith("google."))) {
    throw new Error(`${field.name} cannot be part of a query`);
  }
  const { description = "", ...schema } = schemas.ofField(field, "request");
  const isRequired = /^Required\./.test(description);
  return { name: field.jsonName, in: "query", ...(isRequired && { required: true }), description, schema };
}

const accountParameters: Parameter[] = [
  { $ref: "#/components/parameters/latchkey-account" },
  { $ref: "#/components/parameters/organizationId" },
];

function requestBody(
  method: DescMethod,
  body: DescField | readonly DescField[],
  name: string,
  schemas: Schemas,
  example: Example | undefined,
) {
  const isWhole = Array.isArray(body);
  const schema = isWhole
    ? schemas.ofBody(method.input, body as readonly DescField[], name)
    : schemas.ofField(body as DescField, "request");
  const fields = isWhole ? (body as readonly DescField[]) : [body as DescField];
  const required = fields.some((field) => /^Required\./.test(commentOf(field)));
  return { required, content: { "application/json": media(schema, example?.title, example?.request) } };
}

function success(method: DescMethod, { responseBody }: Route, schemas: Schemas, example?: Example) {
  const field = method.output.fields.find((one) => one.name === responseBody);
  if (responseBody !== "" && !field) throw new Error(`${method.output.name} has no field ${responseBody}`);
  const schema = field?.message
    ? schemas.ofMessage(field.message, "response")
    : field
      ? schemas.ofField(field, "response")
      : schemas.ofMessage(method.output, "response");
  const description = field ? commentOf(field) : commentOf(method.output);
  return {
    description: description || "The call succeeded.",
    headers: { "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" } },
    content: { "application/json": media(schema, example?.title, example?.response) },
  };
}

function media(schema: Schema, title = "", value?: unknown): MediaType {
  return { schema, ...(value !== undefined && { examples: { example: { summary: title, value } } }) };
}

// Without the response `default`, whose status is any number, a generated client tells success and error apart by the status.
function statusesOf({ verb, body }: Route): string[] {
  return [
    ...["400", "401", "403", "404"],
    ...(verb === "get" ? [] : ["409"]),
    ...(body === "" ? [] : ["413", "415"]),
    ...["429", "500", "501", "503", "504"],
  ];
}

function securityOf(access: Access): Record<string, string[]>[] {
  if (!access.public) return bearers;
  return access.optionalUser ? [{}, ...bearers] : [];
}

function sentenceOf(access: Access): string {
  const own = access.orOwn ? " Without it, a caller may call this for resources of its own." : "";
  if (access.permission) return `needs the permission \`${access.permission}\`.${own}`;
  if (access.platformPermission) {
    return `only for a key of the platform account with the permission \`${access.platformPermission}\`.`;
  }
  if (access.user) return "needs the session of a signed-in user. The call has no account.";
  if (access.principal) return "every principal of an account: a person in the account, or a key.";
  return access.optionalUser
    ? "public. With a bearer, the call acts as that signed-in user."
    : "public. The call needs no bearer.";
}

// `CreateApiKey` becomes "Create API key".
function titleOf(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  const text = words.replace(/\bapi\b/g, "API").replace(/\bwho am i\b/, "who am I");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
