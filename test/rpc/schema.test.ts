import { readdirSync, readFileSync } from "node:fs";
import { create, type DescField, type DescMessage, getOption, hasOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../gen/google/api/http_pb.ts";
import { redact } from "../../gen/latchkey/v1/redact_pb.ts";
import { services } from "../../src/app/routes.ts";
import { parsePermission } from "../../src/domain/access/permission.ts";
import { ruleOf } from "../../src/rpc/middleware/access.ts";
import { methods, nameOf } from "../support/schema/requests.ts";
import { streams } from "../support/schema/streams.ts";
import { idPaths, tenancy } from "../support/schema/tenancy.ts";

const folder = new URL("../../proto/latchkey/v1/", import.meta.url);
const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
const each = [...methods, ...streams].map((method) => [nameOf(method), method] as const);
const secretNames = /^(.*_)?(token|password)$/;

test("every service of the package is served", () => {
  const declared = sources.flatMap((source) =>
    [...source.matchAll(/^service (\w+)/gm)].map(([, name]) => name),
  );
  const help = "add the service to `services` and to `implementAll` in src/app/routes.ts";
  expect(services.map((service) => service.name).sort(), help).toEqual(declared.sort());
  expect(declared.length).toBeGreaterThan(0);
});

describe.each(each)("%s", (name, method) => {
  test("has an access rule, and a permission in the rule is valid", () => {
    const rule = ruleOf(method);
    expect(rule.case, "add `option (access)` to the RPC; see proto/latchkey/v1/access.proto").toBeDefined();
    expect(rule.value, "set the access rule to true or to a permission").toBeTruthy();
    const help = "write the permission of the access rule as `resource:verb`; see docs/permissions.md";
    if (typeof rule.value === "string") expect(parsePermission(rule.value), help).toBe(rule.value);
  });

  test("has an HTTP route, unless it is a stream", () => {
    if (streams.includes(method)) {
      expect(routesOf(name), "remove the HTTP route: a stream needs HTTP/2").toEqual([]);
      return;
    }
    const help = "add `option (google.api.http)` with one route below /v1 to the RPC";
    expect(routesOf(name), help).toEqual([expect.stringMatching(/^(get|post|put|patch|delete) \/v1\/./)]);
  });

  test("has a comment", () => {
    const declared = sources.find((source) => source.includes(`service ${method.parent.name} {`)) ?? "";
    const help = "write a comment above the RPC, and one above the service, in proto/latchkey/v1";
    expect(declared, help).toMatch(new RegExp(`^  // .+\\n  rpc ${method.name}\\(`, "m"));
    expect(declared, help).toMatch(new RegExp(`^// .+\\nservice ${method.parent.name} `, "m"));
  });

  test("has its own request and response", () => {
    const help = "give the RPC a request and a response message of its own, with its name";
    expect(method.input.typeName, help).toBe(`latchkey.v1.${method.name}Request`);
    expect(method.output.typeName, help).toBe(`latchkey.v1.${method.name}Response`);
  });

  test("has no GET route if the request contains a secret", () => {
    const secrets = fieldsOf(method.input).filter(isSecret).filter(isInput);
    const help = "make the route a POST without NO_SIDE_EFFECTS, because a URL must not contain a secret";
    if (secrets.length > 0) expect(method.idempotency, help).not.toBe(Idempotency.NO_SIDE_EFFECTS);
  });

  test("has GET routes if and only if its permission is to read", () => {
    if (streams.includes(method)) return;
    const reads = routesOf(name).every((route) => route.startsWith("get "));
    const help =
      "a read has a GET route, NO_SIDE_EFFECTS and a permission that ends in `:read`; no change has one of them";
    expect(method.idempotency === Idempotency.NO_SIDE_EFFECTS, help).toBe(reads);
    const rule = ruleOf(method);
    if (rule.case === "permission" && /:(read|write|manage)$/.test(rule.value)) {
      expect(rule.value.endsWith(":read"), help).toBe(reads);
    }
  });

  test("marks its tokens and passwords for redaction", () => {
    const secrets = [...fieldsOf(method.input), ...fieldsOf(method.output)].filter(isSecret);
    for (const field of secrets)
      expect(getOption(field, redact), `add the option \`(redact) = true\` to ${field}`).toBe(true);
  });

  test("is in the tenancy table with every id of its request", () => {
    const wanted = idPaths(method.input).map((path) => `${name} ${path}`);
    const missing = wanted.filter((row) => !Object.hasOwn(tenancy, row));
    expect(missing, "add these rows to `tenancy` in test/support/schema/tenancy.ts").toEqual([]);
  });
});

test("no schema file uses an option that protoc 3.21 does not know", () => {
  const help =
    "Debian 12 has protoc 3.21. Use an option that it knows, for example `(redact)` of redact.proto";
  for (const source of sources)
    expect(source, help).not.toMatch(/\b(debug_redact|retention|targets|edition|features)\b\s*[.=]/);
});

test("every schema file names its Go package", () => {
  const option = 'option go_package = "latchkey/gen/latchkey/v1;latchkeyv1";';
  for (const source of sources) expect(source, "add this option to the new file").toContain(option);
});

test("every row of the tenancy table belongs to a field of a request", () => {
  const known = methods.flatMap((method) => idPaths(method.input).map((path) => `${nameOf(method)} ${path}`));
  const unknown = Object.keys(tenancy).filter((row) => !known.includes(row));
  expect(unknown, "remove these rows from `tenancy` in test/support/schema/tenancy.ts").toEqual([]);
});

test("no two RPCs have the same route", () => {
  const routes = each.flatMap(([name]) => routesOf(name));
  const twice = routes.filter((route, at) => routes.indexOf(route) !== at);
  expect(twice, "give one of the RPCs with this route another route").toEqual([]);
});

/** Returns the verb and path of each route of a method. A variable is written as {}. */
function routesOf(name: string): string[] {
  const method = methods.find((one) => nameOf(one) === name);
  if (!method || !hasOption(method, http)) return [];
  const main = getOption(method, http);
  return [create(HttpRuleSchema, main), ...main.additionalBindings].map(({ pattern }) => {
    const path = typeof pattern.value === "string" ? pattern.value : "";
    return `${pattern.case} ${path.replace(/\{[^}]*\}/g, "{}")}`;
  });
}

function fieldsOf(schema: DescMessage, seen = new Set<string>()): DescField[] {
  if (seen.has(schema.typeName)) return [];
  seen.add(schema.typeName);
  return schema.fields.flatMap((field) => [field, ...(field.message ? fieldsOf(field.message, seen) : [])]);
}

function isSecret(field: DescField): boolean {
  return secretNames.test(field.name) && field.scalar !== undefined;
}

// `ApiKeySpec.token` is output only. The server does not read it in requests.
function isInput(field: DescField): boolean {
  return field.parent.typeName !== "latchkey.v1.ApiKeySpec";
}
