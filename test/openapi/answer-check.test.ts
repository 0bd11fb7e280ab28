import { expect, test } from "vitest";
import { examples } from "../../openapi/examples.ts";
import { checkAnswer } from "../support/openapi/check-answer.ts";
import { document, operations } from "../support/openapi/document.ts";

const id = "key_01jd0000000000000000000000";
const json = { "content-type": "application/json", "x-request-id": "request-1" };
const key = examples.GetApiKey?.response as Record<string, unknown>;
const error = (code: string) => ({ success: false, error: { code, message: "why", details: {} } });

interface Given {
  method?: string;
  path?: string;
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

function problemsOf({
  method = "GET",
  path = `/v1/account/api_keys/${id}`,
  status = 200,
  ...rest
}: Given): string[] {
  const { headers = json, body = key } = rest;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return checkAnswer({ method, path, status, headers: new Headers(headers), text }).problems;
}

test.each<[what: string, answer: Given]>([
  ["the example of a key", {}],
  ["an error", { status: 404, body: error("NOT_FOUND") }],
  ["a header without a body for HEAD", { method: "HEAD", body: "" }],
  ["an unknown path", { path: "/v1/nothing", status: 404, body: error("NOT_FOUND") }],
  ["a wrong method", { method: "PUT", status: 405, body: error("METHOD_NOT_ALLOWED") }],
  [
    "a problem",
    {
      status: 403,
      headers: { ...json, "content-type": "application/problem+json" },
      body: {
        type: "urn:latchkey:error:PERMISSION_DENIED",
        title: "Permission denied",
        status: 403,
        detail: "why",
        code: "PERMISSION_DENIED",
        details: { permission: "api_keys:read" },
        requestId: "request-1",
      },
    },
  ],
])("the check accepts %s", (_what, answer) => {
  expect(problemsOf(answer)).toEqual([]);
});

test.each<[what: string, answer: Given, problem: RegExp]>([
  ["a member that the document does not have", { body: { ...key, secret: "x" } }, /additional properties/],
  [
    "a nested one",
    { body: { ...key, spec: { ...(key.spec as object), secret: 1 } } },
    /additional properties/,
  ],
  ["a missing default", { body: { ...key, etag: undefined } }, /required property 'etag'/],
  ["a wrong type", { body: { ...key, etag: 3 } }, /must be string/],
  ["an unknown enum value", { body: { ...key, state: "API_KEY_STATE_LOST" } }, /allowed values/],
  ["an enum by number", { body: { ...key, state: 1 } }, /must be string/],
  [
    "a wrong time",
    { body: { ...key, metadata: { ...(key.metadata as object), createdAt: "today" } } },
    /date-time/,
  ],
  ["a status that the document does not have", { status: 202 }, /no response with status 202/],
  ["a redirect of an unknown path", { path: "/v1/nothing", status: 302 }, /no response with status 302/],
  [
    "a wrong content type",
    { headers: { ...json, "content-type": "text/plain" } },
    /content type "text\/plain"/,
  ],
  ["no content type", { headers: { "x-request-id": "1" } }, /content type ""/],
  ["no request id", { headers: { "content-type": "application/json" } }, /X-Request-Id is missing/],
  ["a code of another status", { status: 404, body: error("PERMISSION_DENIED") }, /allowed values/],
  ["a success in an error", { status: 404, body: { ...error("NOT_FOUND"), success: true } }, /constant/],
  ["an error of Connect", { status: 404, body: { code: "not_found", message: "x" } }, /required property/],
  [
    "a 401 without a challenge",
    { status: 401, body: error("MISSING_API_KEY") },
    /WWW-Authenticate is missing/,
  ],
  [
    "the answer of another operation",
    { path: `/v1/account/api_keys/${id}/workspaces` },
    /required property 'items'/,
  ],
])("the check refuses %s", (_what, answer, problem) => {
  expect(problemsOf(answer).join("\n")).toMatch(problem);
});

test("a verb behind an id is not part of the id", () => {
  const rotated = { method: "POST", status: 200, headers: new Headers(json), text: JSON.stringify(key) };
  const { operationId } = checkAnswer({ ...rotated, path: `/v1/account/api_keys/${id}:rotate` });
  expect(operationId).toBe("rotateApiKey");
});

test("every example of a response is what the check accepts", () => {
  let found = 0;
  for (const { path, verb, operation } of operations) {
    const response = operation.responses["200"];
    const media = response && !("$ref" in response) ? response.content?.["application/json"] : undefined;
    for (const { value } of Object.values(media?.examples ?? {})) {
      found += 1;
      const given = { method: verb.toUpperCase(), path: path.replace(/\{[^}]*\}/g, id), body: value };
      expect(problemsOf(given), operation.operationId).toEqual([]);
    }
  }
  expect(found).toBe(Object.keys(examples).length);
});

test("the check finds the schema of every response of the document", () => {
  for (const { path, verb, operation } of operations) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if (status === "default" || "$ref" in response || !response.content?.["application/json"]) continue;
      const answer = {
        method: verb.toUpperCase(),
        path: path.replace(/\{[^}]*\}/g, id),
        status: Number(status),
      };
      expect(() => problemsOf({ ...answer, body: {} }), operation.operationId).not.toThrow();
    }
  }
  expect(Object.keys(document.paths).length).toBeGreaterThan(40);
});
