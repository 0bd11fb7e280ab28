import { create, type DescField, type DescMethod, ScalarType, toJson } from "@bufbuild/protobuf";
import { FieldRulesSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code } from "@connectrpc/connect";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, test } from "vitest";
import type { Schema } from "../../openapi/document.ts";
import type { Rules } from "../../openapi/options.ts";
import { refusesZero, schemaOfRules } from "../../openapi/rules.ts";
import { DomainError } from "../../src/domain/kernel/error.ts";
import { rulesOf } from "../../src/rpc/middleware/field-rules.ts";
import { call } from "../support/actors/call.ts";
import { validate } from "../support/cheap.ts";
import { document, operations } from "../support/openapi/document.ts";
import { callerFor } from "../support/schema/callers.ts";
import { methods, nameOf, validRequest } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(document, "document", undefined, false);

/** What the document says about a field of a request: its schema, and whether a request must have it. */
interface Described {
  schema: Schema;
  isRequired: boolean;
}

function describedField(method: DescMethod, { jsonName }: DescField): Described {
  const id = method.name.charAt(0).toLowerCase() + method.name.slice(1);
  const operation = operations.find((one) => one.operation.operationId === id)?.operation;
  for (const parameter of operation?.parameters ?? []) {
    if ("$ref" in parameter || parameter.name !== jsonName) continue;
    return { schema: parameter.schema, isRequired: parameter.required === true };
  }
  const name = operation?.requestBody?.content["application/json"]?.schema.$ref?.replace(/.*\//, "") ?? "";
  const body = document.components.schemas[name];
  const schema = body?.properties?.[jsonName];
  if (!schema)
    throw new Error(`gen/openapi.json has no ${jsonName} of ${nameOf(method)}: run \`npm run generate\``);
  return { schema, isRequired: body.required?.includes(jsonName) === true };
}

const texts = [
  ...["", "a", "a b", "a\u0007", "a\0", "é", "😀", "A", "asc", "desc", "agents:read", "realtime", "lk=1"],
  ...["rules@example.com", "ada", "ada@", "@example.com"],
  ...[2, 9, 10, 63, 64, 65, 127, 128, 129, 254, 255, 256, 257, 1024, 1025, 4096, 4097, 8192, 8193].map(
    (length) => "x".repeat(length),
  ),
  ...["é".repeat(64), "😀".repeat(128), "😀".repeat(129), "é".repeat(4097)],
];
const numbers = [-2_147_483_648, -1, 0, 1, 200, 1_000_000, 1_000_001, 2_147_483_647];
const lists = [
  ...[[], ["a"], ["a", "a"], ["a", "b"], [""], ["a b"], ["A:b"], ["x".repeat(128)]],
  ...[8, 9, 64, 65, 100, 101, 1024, 1025].map((length) => Array.from({ length }, (_, index) => `n${index}`)),
];

function samplesOf({ fieldKind, scalar, enum: values }: DescField): unknown[] {
  if (fieldKind === "list") return scalar === undefined ? [] : lists;
  if (fieldKind === "enum") return values.values.map(({ number }) => number);
  if (scalar === ScalarType.STRING) return texts;
  return scalar === ScalarType.INT32 ? numbers : [];
}

function serverAccepts(method: DescMethod, field: DescField, value: unknown): boolean {
  try {
    validate(method.input, create(method.input, { [field.localName]: value }));
    return true;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return !error.violations.some(
      (one) => one.field === field.name || one.field.startsWith(`${field.name}[`),
    );
  }
}

const fields = methods.flatMap((method) =>
  method.input.fields.map((field) => [`${nameOf(method)} ${field.name}`, method, field] as const),
);

test("the schema of a field accepts what the server accepts, and refuses what it refuses", () => {
  const [different, compared]: [string[], string[]] = [[], []];
  for (const [name, method, field] of fields) {
    if (samplesOf(field).length === 0) continue;
    const { schema } = describedField(method, field);
    const accepts = ajv.compile(schema.$ref ? { $ref: `document${schema.$ref}` } : schema);
    // The rule of such a field has no complete equivalent.
    const isWider = schema.description?.includes("bytes of UTF-8") || hasBytes(field);
    for (const value of samplesOf(field)) {
      const json = field.fieldKind === "enum" ? field.enum.value[value as number]?.name : value;
      const [server, inSchema] = [serverAccepts(method, field, value), accepts(json)];
      compared.push(name);
      if (server === inSchema || (isWider && inSchema)) continue;
      different.push(
        `${name} = ${JSON.stringify(value).slice(0, 50)}: the server ${server}, the schema ${inSchema}`,
      );
    }
  }
  expect(different).toEqual([]);
  expect(compared.length).toBeGreaterThan(1_000);
});

const hasBytes = (field: DescField) => JSON.stringify(jsonRulesOf(field)).includes("maxBytes");

function jsonRulesOf(field: DescField): Rules {
  const rules = rulesOf(field);
  return rules ? (toJson(FieldRulesSchema, rules) as Rules) : {};
}

test("a field whose rules refuse its zero value is required in the document", () => {
  const wrong = fields.filter(
    ([, method, field]) => refusesZero(jsonRulesOf(field)) && !describedField(method, field).isRequired,
  );
  expect(wrong.map(([name]) => `${name}: open its comment with "Required."`)).toEqual([]);
});

describe("a required field whose rules accept its zero value", () => {
  const checked = fields.filter(
    ([, method, field]) => describedField(method, field).isRequired && !refusesZero(jsonRulesOf(field)),
  );

  test.each(checked)("%s is required by the operation", async (_name, method, field) => {
    const owner = await app.newAccount();
    const request = { ...(await validRequest(app, owner, method)), [field.localName]: undefined };
    const failed = call(callerFor(app, owner, method), method, create(method.input, request));
    await expect(failed).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});

test.each<[rules: Rules, schema: Schema, sentences: string[]]>([
  [{ string: { minLen: "1", maxLen: "8" } }, { minLength: 1, maxLength: 8 }, []],
  [{ string: { maxLen: "8", maxBytes: "9" } }, { maxLength: 8 }, ["At most 9 bytes of UTF-8."]],
  [{ string: { pattern: "^a$" } }, { pattern: "^a$" }, []],
  [{ string: { in: ["a"] } }, { enum: ["a"] }, []],
  [{ ignore: "IGNORE_IF_ZERO_VALUE", string: { in: ["a"] } }, { enum: ["a", ""] }, []],
  [
    { ignore: "IGNORE_IF_ZERO_VALUE", string: { minLen: "10", maxLen: "12" } },
    { maxLength: 12, anyOf: [{ maxLength: 0 }, { minLength: 10 }] },
    [],
  ],
  [{ string: { email: true } }, { format: "email" }, []],
  [{ int32: { gt: 0, lte: 9 } }, { exclusiveMinimum: 0, maximum: 9 }, []],
  [{ int32: { gte: 0, lt: 9 } }, { minimum: 0, exclusiveMaximum: 9 }, []],
  [
    { repeated: { minItems: "1", maxItems: "2", unique: true, items: { string: { minLen: "1" } } } },
    { minItems: 1, maxItems: 2, uniqueItems: true, items: { minLength: 1 } },
    [],
  ],
  [
    {
      map: {
        maxPairs: "2",
        keys: { string: { maxLen: "3" } },
        values: { cel: [{ message: "expected a label" }] },
      },
    },
    { maxProperties: 2, propertyNames: { maxLength: 3 } },
    ["Each value: Expected a label."],
  ],
  [{ duration: { gte: "1s", lte: "60s" } }, {}, ["At least 1s.", "At most 60s."]],
  [{ enum: { definedOnly: true } }, {}, []],
])("the rules %j are the schema %j", (rules, schema, sentences) => {
  expect(schemaOfRules(rules)).toEqual({ schema, sentences });
});
