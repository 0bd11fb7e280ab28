import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { codeToHttpStatus, codeToString } from "@connectrpc/connect/protocol-connect";
import { expect, test } from "vitest";
import { http } from "../../gen/google/api/annotations_pb.ts";
import type { Operation } from "../../openapi/document.ts";
import { errorTable } from "../../openapi/error-table.ts";
import { examples } from "../../openapi/examples.ts";
import type { Reason } from "../../src/domain/kernel/error.ts";
import { parseTokenOfAnyPrefix } from "../../src/domain/kernel/token.ts";
import { ruleOf } from "../../src/rpc/middleware/access.ts";
import { codes } from "../../src/rpc/middleware/errors.ts";
import { document, operations } from "../support/openapi/document.ts";
import { methods } from "../support/schema/requests.ts";

/** What the test uses of Redocly. */
interface Redocly {
  createConfig(config: { extends: string[] }): Promise<object>;
  lint(options: { ref: string; config: object }): Promise<Problem[]>;
}

interface Problem {
  ruleId: string;
  message: string;
  location: { pointer?: string }[];
}

// The name is computed, because the compiler would take 2 s for the types of this library.
const redocly = "@redocly/openapi-core" as string;

test("Redocly's strict rules find nothing in the document", async () => {
  const { createConfig, lint }: Redocly = await import(redocly);
  const config = await createConfig({ extends: ["recommended-strict"] });
  const problems = await lint({ ref: "gen/openapi.json", config });
  expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual(
    [],
  );
});

/** Returns the operation of an RPC, found by its route and not by its name. */
function operationOf(method: DescMethod): Operation | undefined {
  const { pattern } = getOption(method, http);
  const path = pattern.value?.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const field = method.input.fields.find((one) => one.name === name);
    return `{${field?.jsonName}}`;
  });
  return operations.find((one) => one.verb === pattern.case && one.path === path)?.operation;
}

test.each(methods)(
  "$name has an operation at its route, with its service, access rule and credentials",
  (method) => {
    const operation = operationOf(method);
    const { case: kind, value } = ruleOf(method);
    const help = "gen/openapi.json differs from the schema: run `npm run generate`";
    expect(operation, help).toMatchObject({ tags: [method.parent.name] });
    if (kind === "public") expect(operation?.security).not.toContainEqual({ bearer: [], apiKey: [] });
    expect(operation?.security.length === 0 || operation?.security[0]?.bearer === undefined).toBe(
      kind === "public",
    );
    if (typeof value === "string") expect(operation?.description).toContain(`\`${value}\``);
    const names = JSON.stringify(operation?.parameters ?? []);
    const hasAccount = kind === "permission" || kind === "principal";
    expect([names.includes("latchkey-account"), names.includes("organizationId")]).toEqual([
      hasAccount,
      hasAccount,
    ]);
  },
);

test("every reason of the server is a code of the response that has its status", () => {
  for (const reason of Object.keys(codes) as Reason[]) {
    if (reason === "INVALID_FIELDS") continue;
    expect(errorTable[codeToHttpStatus(codes[reason])]?.codes, reason).toContain(reason);
  }
  for (const code of [
    Code.InvalidArgument,
    Code.NotFound,
    Code.Unavailable,
    Code.Internal,
    Code.ResourceExhausted,
  ]) {
    expect(errorTable[codeToHttpStatus(code)]?.codes).toContain(codeToString(code).toUpperCase());
  }
});

test("an example token has the shape of a token, and no server accepts it", () => {
  const tokens = JSON.stringify(examples).match(/lk_\w{10,}/g) ?? [];
  expect(tokens.length).toBeGreaterThan(3);
  const shape = /^lk_(live|ses)_[0-7][0-9a-hjkmnp-tv-z]{25}[0-9A-Za-z]{38}$/;
  for (const token of tokens.filter((one) => !one.includes("…") && one.length > 40)) {
    expect(token).toMatch(shape);
    expect(parseTokenOfAnyPrefix(token)).toBe(undefined);
  }
});

test("the key flow has an example of each request and response", () => {
  for (const id of ["signUp", "createApiKey", "rotateApiKey", "verifyToken", "revokeApiKey"]) {
    const operation = operations.find((one) => one.operation.operationId === id)?.operation;
    const bodies = [operation?.requestBody, operation?.responses["200"]] as { content?: object }[];
    for (const body of bodies.filter((one) => one)) expect(JSON.stringify(body), id).toContain('"examples"');
  }
});

test("every pattern of the document is a regular expression of JSON Schema", () => {
  const patterns = [...JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
  expect(patterns.length).toBeGreaterThan(50);
  for (const [, pattern = ""] of patterns) expect(() => new RegExp(JSON.parse(pattern), "u")).not.toThrow();
});
