import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTemplate, type Segment } from "../../../src/net/http-json/template.ts";
import { createFind } from "../../../src/net/http-json/trie.ts";

const text = ({ kind, ...segment }: Segment) =>
  "text" in segment ? segment.text : kind === "one" ? "*" : "**";

test.each<
  [
    template: string,
    segments: string,
    verb: string,
    variables: [name: string, start: number, end: number, isMulti: boolean][],
  ]
>([
  ["/v1", "v1", "", []],
  ["/v1/account/api_keys", "v1 account api_keys", "", []],
  ["/v1/a:verb", "v1 a", "verb", []],
  ["/v1/*", "v1 *", "", []],
  ["/v1/**", "v1 **", "", []],
  ["/**", "**", "", []],
  ["/v1/{id}", "v1 *", "", [["id", 1, 2, false]]],
  ["/v1/{id=*}:verb", "v1 *", "verb", [["id", 1, 2, false]]],
  ["/v1/{name=**}", "v1 **", "", [["name", 1, 2, true]]],
  ["/v1/{name=shelves/*/books/*}", "v1 shelves * books *", "", [["name", 1, 5, true]]],
  ["/v1/{name=shelves/**}:move", "v1 shelves **", "move", [["name", 1, 3, true]]],
  [
    "/v1/{a.b_c}/x/{d}",
    "v1 * x *",
    "",
    [
      ["a.b_c", 1, 2, false],
      ["d", 3, 4, false],
    ],
  ],
  ["/v1/a.b~c%2F/@", "v1 a.b~c%2F @", "", []],
  ["/v1/{name=literal}", "v1 literal", "", [["name", 1, 2, false]]],
])("the template %s is parsed", (template, segments, verb, variables) => {
  const parsed = parseTemplate(template);
  expect(parsed.segments.map(text).join(" ")).toBe(segments);
  expect(parsed.verb).toBe(verb);
  const seen = parsed.variables.map(({ fieldPath, start, end, isMulti }) => [
    fieldPath.join("."),
    start,
    end,
    isMulti,
  ]);
  expect(seen).toEqual(variables);
});

test.each([
  ...["", "v1", "/", "//", "/v1/", "/v1//a", "/v1/:verb", "/v1:", "/v1:a/b", "/a:b:c", "/**/a", "/{a=**}/b"],
  ...[
    "/{",
    "/{}",
    "/}",
    "/{a",
    "/a}",
    "/{a}b",
    "/{a}{b}",
    "/{1a}",
    "/{a.}",
    "/{.a}",
    "/{a-b}",
    "/{a=}",
    "/{a=b=c}",
  ],
  ...["/{a={b}}", "/{a}/{a}", "/a b", "/a?b", "/%zz", "/***", "/a*"],
])("the text %j is no template", (template) => {
  expect(() => parseTemplate(template)).toThrow(/^the path template /);
});

const routes = [
  "GET /v1/account",
  "GET /v1/account/keys",
  "POST /v1/account/keys",
  "POST /v1/account/keys:revoke",
  "GET /v1/account/keys/{id}",
  "DELETE /v1/account/keys/{id}",
  "POST /v1/account/keys/{id}:rotate",
  "POST /v1/account/keys/special",
  "GET /v1/account/keys/{id}/workspaces/{workspace_id}",
  "GET /v2/{name=files/**}",
  "GET /v2/files/latest",
  "GET /v2/{name=files/**}:raw",
];
const find = createFind(
  routes.map((route) => {
    const [httpMethod = "", template = ""] = route.split(" ");
    return { httpMethod, template: parseTemplate(template), value: route };
  }),
);

test.each<[request: string, expected: string]>([
  ["GET /v1/account", "GET /v1/account"],
  ["GET /v1/account/", "none"],
  ["GET /v1", "none"],
  ["GET /", "none"],
  ["GET *", "none"],
  ["GET http://a/v1/account", "none"],
  ["GET /V1/account", "none"],
  ["PUT /v1/account/keys", "GET,POST"],
  ["POST /v1/account/keys:revoke", "POST /v1/account/keys:revoke"],
  ["GET /v1/account/keys:revoke", "POST"],
  ["GET /v1/account/keys:nothing", "none"],
  ["GET /v1/account/keys/key_1", "GET /v1/account/keys/{id}"],
  ["POST /v1/account/keys/key_1:rotate", "POST /v1/account/keys/{id}:rotate"],
  ["GET /v1/account/keys/key_1:rotate", "POST"],
  ["GET /v1/account/keys/key_1:nothing", "GET /v1/account/keys/{id}"],
  ["GET /v1/account/keys/a:b:rotate", "POST"],
  ["GET /v1/account/keys/key_1%3Arotate", "GET /v1/account/keys/{id}"],
  ["GET /v1/account/keys/:rotate", "GET /v1/account/keys/{id}"],
  ["GET /v1/account/keys/..", "GET /v1/account/keys/{id}"],
  ["POST /v1/account/keys/special", "POST /v1/account/keys/special"],
  ["GET /v1/account/keys/special", "GET /v1/account/keys/{id}"],
  ["PUT /v1/account/keys/special", "POST,GET,DELETE"],
  ["GET /v1/account/keys/a/b", "none"],
  ["GET /v1/account/keys/a/workspaces/b", "GET /v1/account/keys/{id}/workspaces/{workspace_id}"],
  ["GET /v1/account/keys//workspaces/b", "none"],
  ["GET /v2/files", "GET /v2/{name=files/**}"],
  ["GET /v2/files/a/b", "GET /v2/{name=files/**}"],
  ["GET /v2/files/latest", "GET /v2/files/latest"],
  ["GET /v2/files/a/b:raw", "GET /v2/{name=files/**}:raw"],
  ["GET /v2/other", "none"],
])("%s finds %s", (request, expected) => {
  const [method = "", path = ""] = request.split(" ");
  const match = find(path, method);
  expect(match ? (match.entry?.value ?? match.allowed.join(",")) : "none").toBe(expected);
});

test("two routes with one path and method are refused, whatever the names of their variables", () => {
  const entry = (template: string) => ({
    httpMethod: "GET",
    template: parseTemplate(template),
    value: template,
  });
  expect(() => createFind([entry("/v1/{a}"), entry("/v1/{b}")])).toThrow("two routes");
  expect(() => createFind([entry("/v1/{a}"), entry("/v1/{b}:verb")])).not.toThrow();
});

const literal = fc.stringMatching(/^[a-z0-9_.~-]{1,5}$/);
const pattern = fc
  .array(fc.oneof(literal, fc.constant("*")), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("/"));
const part = fc.oneof(
  literal,
  fc.constant("*"),
  pattern.map((inner) => ({ inner })),
  fc.constant({ inner: "*" }),
);
const templates = fc
  .record({
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    verb: fc.option(literal),
    rest: fc.boolean(),
  })
  .map(({ parts, verb, rest }) => {
    const texts = parts.map((one, index) => (typeof one === "string" ? one : `{f${index}=${one.inner}}`));
    return `/${[...texts, ...(rest ? ["{rest=**}"] : [])].join("/")}${verb === null ? "" : `:${verb}`}`;
  });

test("each template finds a path that it describes, and binds what stands at its variables", () => {
  fc.assert(
    fc.property(templates, fc.array(literal, { minLength: 12, maxLength: 12 }), (template, values) => {
      const parsed = parseTemplate(template);
      let next = 0;
      const segments = parsed.segments.flatMap((one) => {
        next += 1;
        if (one.kind === "literal") return [one.text];
        return one.kind === "one" ? [values[next % 12] ?? ""] : [values[0] ?? "", values[1] ?? ""];
      });
      const path = `/${segments.join("/")}${parsed.verb === "" ? "" : `:${parsed.verb}`}`;
      const found = createFind([{ httpMethod: "GET", template: parsed, value: template }])(path, "GET");
      expect(found?.entry?.value).toBe(template);
      expect(found?.segments).toEqual(segments);
    }),
  );
});

test("no text crashes the parser or the search", () => {
  const odd = fc.string({
    unit: fc.constantFrom("/", "{", "}", "=", "*", ":", "a", "%", "2", ".", "\u0000"),
    maxLength: 20,
  });
  fc.assert(
    fc.property(odd, (one) => {
      find(one, "GET");
      find(`/v1/account/keys/${one}`, "POST");
      try {
        parseTemplate(one);
      } catch (error) {
        expect(String(error)).toMatch(/the path template/);
      }
    }),
  );
});
