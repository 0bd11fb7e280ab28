import type { DescFile, DescService } from "@bufbuild/protobuf";
import type { Document, PathItem } from "./document.ts";
import { errorComponents } from "./errors.ts";
import { identityHeaders } from "./gateway.ts";
import { bearers, operationsOf } from "./operations.ts";
import { commentOf, createOptions } from "./options.ts";
import { createSchemas } from "./schemas.ts";
import { standardComponents, standardPaths, standardTags } from "./standard-endpoints.ts";

const about = `The HTTP/JSON surface of Latchkey: every RPC, at the route that the schema declares beside it.

- A request body and a response are JSON. A response always contains its false, zero and empty fields.
- Names are in lowerCamelCase. The server also accepts the names of the schema, in snake_case.
- The server refuses unknown fields and unknown query parameters, and names them.
- A list answers \`items\` and \`pagination.nextCursor\`, which is empty on the last page.
- An error has the format \`ErrorResponse\`. With \`Accept: application/problem+json\`, it follows RFC 9457.
- A token never belongs into a URL. The server refuses such a request.
`;

/** Returns the OpenAPI document of the services in these files. */
export function buildDocument(
  files: readonly DescFile[],
  all: readonly DescFile[],
  version: string,
): Document {
  const services = files
    .filter((file) => file.proto.package === "latchkey.v1")
    .flatMap((file) => file.services)
    .sort((one, other) => compare(one.name, other.name));
  const options = createOptions(all);
  const methods = services
    .flatMap((service) => service.methods)
    .filter((method) => options.routesOf(method).length > 0);
  const schemas = createSchemas(options, methods);
  const paths: Record<string, PathItem> = {};
  const ids = new Set<string>();
  for (const method of methods) {
    for (const { path, verb, operation } of operationsOf(method, options, schemas)) {
      if (ids.has(operation.operationId)) throw new Error(`two operations are ${operation.operationId}`);
      ids.add(operation.operationId);
      const item = paths[path] ?? {};
      paths[path] = item;
      if (verb in item) throw new Error(`two operations have the route ${verb} ${path}`);
      Object.assign(item, { [verb]: operation });
    }
  }
  return documentOf(
    version,
    [...services.map(tagOf), ...standardTags],
    sorted({ ...paths, ...standardPaths }),
    { ...schemas.components, ...standardComponents },
  );
}

function documentOf(
  version: string,
  tags: Document["tags"],
  paths: Document["paths"],
  components: Document["components"]["schemas"],
): Document {
  const errors = errorComponents();
  return {
    openapi: "3.1.0",
    info: {
      title: "Latchkey",
      version,
      summary: "API keys and workspace access for multi-tenant platforms.",
      description: about,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The server that this document comes from." }],
    tags,
    security: bearers,
    paths,
    components: {
      securitySchemes,
      parameters,
      ...errors,
      headers: { ...errors.headers, ...identityHeaders },
      schemas: sorted({ ...components, ...errors.schemas }),
    },
  };
}

const tagOf = (service: DescService) => ({ name: service.name, description: commentOf(service) });
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);

function sorted<T>(values: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).sort(([one], [other]) => compare(one, other)));
}

const securitySchemes = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description:
      "The token of a key or of a session, in `Authorization: Bearer <token>` (RFC 6750). The scheme `Token` means the same.",
  },
  apiKey: {
    type: "apiKey",
    in: "header",
    name: "X-Api-Key",
    description:
      "The same token in a header of its own. If a request has both headers, the tokens must be equal.",
  },
  verifier: {
    type: "apiKey",
    in: "header",
    name: "Latchkey-Verifier",
    description: "Only for `/v1/forward_auth`: the token of the gateway's own key.",
  },
  basic: {
    type: "http",
    scheme: "basic",
    description:
      "Only for the endpoints of OAuth: the token is the client secret, and any text is the client id.",
  },
};

const accountPattern = "^acct_[0-7][0-9a-hjkmnp-tv-z]{25}$";
const parameters: Document["components"]["parameters"] = {
  "latchkey-account": {
    name: "latchkey-account",
    in: "header",
    description:
      "The account that the call acts in. A user of several accounts must name one. A key belongs to one account and needs no name.",
    schema: { type: "string", pattern: accountPattern },
  },
  organizationId: {
    name: "organizationId",
    in: "query",
    description:
      "The same as the header `latchkey-account`, for clients that cannot set it. If a request has both, they must be equal.",
    schema: { type: "string", pattern: accountPattern },
  },
};
