/** A JSON Schema of draft 2020-12, as far as this generator writes it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  format?: string;
  pattern?: string;
  enum?: string[];
  const?: unknown;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  maxProperties?: number;
  minProperties?: number;
  readOnly?: boolean;
  writeOnly?: boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  default?: unknown;
  examples?: unknown[];
}

/** A parameter of an operation, or a reference to a shared one. */
export type Parameter =
  | { $ref: string }
  | {
      name: string;
      in: "path" | "query" | "header";
      required?: boolean;
      description?: string;
      schema: Schema;
      style?: string;
      explode?: boolean;
      example?: unknown;
    };

/** The body of a request or of a response in one content type. */
export interface MediaType {
  schema: Schema;
  examples?: Record<string, { summary: string; value: unknown }>;
}

/** A response header. */
export interface Header {
  description: string;
  required?: boolean;
  schema: Schema;
}

/** A response, or a reference to a shared one. */
export type Response =
  | { $ref: string }
  | {
      description: string;
      headers?: Record<string, { $ref: string }>;
      content?: Record<string, MediaType>;
    };

/** One operation: a method and a path. */
export interface Operation {
  tags: string[];
  operationId: string;
  summary: string;
  description: string;
  security: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, MediaType> };
  responses: Record<string, Response>;
}

/** The methods that an operation may have. */
export const verbs = ["get", "put", "post", "delete", "patch"] as const;

/** The operations of one path. With `x-any-method`, every method has the answers of GET. */
export type PathItem = Partial<Record<(typeof verbs)[number], Operation>> & { "x-any-method"?: true };

/** An OpenAPI 3.1 document. */
export interface Document {
  openapi: string;
  info: Record<string, unknown> & { title: string; version: string; description: string };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, PathItem>;
  components: {
    securitySchemes: Record<string, Record<string, string>>;
    parameters: Record<string, Parameter>;
    headers: Record<string, Header>;
    responses: Record<string, Response>;
    schemas: Record<string, Schema>;
  };
}
