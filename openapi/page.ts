import {
  type Document,
  type Operation,
  type Parameter,
  type Response,
  type Schema,
  verbs,
} from "./document.ts";
import { errorTable } from "./error-table.ts";
import { escapeHtml, inline, json, markdown, table } from "./html.ts";
import { style } from "./style.ts";

/** Returns the document as one page of HTML. It has no script and loads nothing. */
export function renderPage(document: Document): string {
  const { title, version, description } = document.info;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} ${escapeHtml(version)}: HTTP reference</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<nav aria-label="Contents">
<p><a href="#top"><strong>${escapeHtml(title)}</strong></a> ${escapeHtml(version)}</p>
${document.tags.map(({ name }) => contentsOf(name, document)).join("\n")}
<p><a href="#errors">Errors</a></p>
<p><a href="#schemas">Schemas</a></p>
</nav>
<main id="top">
<h1>${escapeHtml(title)}: HTTP reference</h1>
${markdown(description)}
<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>
${securityOf(document)}
${document.tags.map((tag) => serviceOf(tag, document)).join("\n")}
${errorsOf(document)}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas)
  .filter(([, schema]) => !schema.allOf)
  .map(([name, schema]) => schemaOf(name, schema))
  .join("\n")}
</main>
</body>
</html>`;
}

interface Placed {
  verb: string;
  path: string;
  operation: Operation;
}

function operationsOf(tag: string, { paths }: Document): Placed[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    verbs.flatMap((verb) => {
      const operation = item[verb];
      return operation?.tags.includes(tag) ? [{ verb, path, operation }] : [];
    }),
  );
}

function contentsOf(tag: string, document: Document): string {
  const links = operationsOf(tag, document).map(
    ({ operation: { operationId, summary } }) =>
      `<li><a href="#${operationId}">${escapeHtml(summary)}</a></li>`,
  );
  return `<p><a href="#${tag}">${escapeHtml(tag)}</a></p>\n<ul>${links.join("")}</ul>`;
}

function serviceOf({ name, description }: Document["tags"][number], document: Document): string {
  const operations = operationsOf(name, document).map((placed) => operationOf(placed, document));
  return `<h2 id="${name}">${escapeHtml(name)}</h2>\n${markdown(description)}\n${operations.join("\n")}`;
}

function operationOf({ verb, path, operation }: Placed, document: Document): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const body = requestBody?.content["application/json"] ?? Object.values(requestBody?.content ?? {})[0];
  return `<section id="${operationId}">
<h3>${escapeHtml(summary)}</h3>
<p class="route"><strong>${verb.toUpperCase()}</strong> <code>${escapeHtml(path)}</code></p>
${markdown(description)}
${parametersOf(parameters, document)}
${body ? `<h4>Body</h4>\n${membersOf(body.schema, document)}\n${exampleOf(body.examples)}` : ""}
${successOf(responses, document)}
${failuresOf(responses)}
</section>`;
}

function parametersOf(parameters: readonly Parameter[], document: Document): string {
  const rows = parameters.map((one) => {
    const parameter = "$ref" in one ? document.components.parameters[one.$ref.replace(/.*\//, "")] : one;
    if (!parameter || "$ref" in parameter) throw new Error("a reference leads to no parameter");
    const { name, schema, description = "" } = parameter;
    return [`<code>${escapeHtml(name)}</code>`, parameter.in, typeOf(schema), inline(description)];
  });
  return rows.length === 0
    ? ""
    : `<h4>Parameters</h4>\n${table(["name", "in", "type", "description"], rows)}`;
}

function successOf(responses: Operation["responses"], document: Document): string {
  return Object.entries(responses)
    .filter(([status]) => status.startsWith("2"))
    .map(([status, response]) => {
      if ("$ref" in response) throw new Error("a successful response is not shared");
      const [type, media] = Object.entries(response.content ?? {})[0] ?? [];
      const members = media ? membersOf(media.schema, document) : "";
      const other = type === undefined || type === "application/json" ? "" : ` <code>${type}</code>`;
      return `<h4>Response ${status}${other}</h4>\n${markdown(response.description)}\n${members}\n${exampleOf(media?.examples)}`;
    })
    .join("\n");
}

/** Returns the other responses: links to the shared ones, and a line for each one of its own. */
function failuresOf(responses: Operation["responses"]): string {
  const [shared, own]: [string[], string[]] = [[], []];
  for (const [status, response] of Object.entries(responses)) {
    if (status.startsWith("2") || status === "default") continue;
    if ("$ref" in response) shared.push(`<a href="#error-${status}">${status}</a>`);
    else own.push(`<p>${status}: ${inline(response.description)}</p>`);
  }
  return [...own, ...(shared.length > 0 ? [`<p>Errors: ${shared.join(", ")}</p>`] : [])].join("\n");
}

/** Returns the members of an object, one level deep. */
function membersOf(schema: Schema, document: Document): string {
  const name = schema.$ref?.replace(/.*\//, "");
  const target = name === undefined ? schema : document.components.schemas[name];
  if (!target) throw new Error(`no schema ${name}`);
  const link = name === undefined ? "" : `<p>${typeOf(schema)}</p>\n`;
  return link + fieldsOf(target);
}

function fieldsOf({ properties = {}, required = [], additionalProperties }: Schema): string {
  // Only requests are closed. In a response, the mark says more than that the member is required.
  const mark = additionalProperties === false ? "required" : "always present";
  const rows = Object.entries(properties).map(([name, one]) => [
    `<code>${escapeHtml(name)}</code>${required.includes(name) ? " *" : ""}`,
    typeOf(one),
    inline(one.description ?? ""),
  ]);
  return table([`name (* ${mark})`, "type", "description"], rows);
}

function exampleOf(examples: Record<string, { summary: string; value: unknown }> = {}): string {
  return Object.values(examples)
    .map(
      ({ summary, value }) =>
        `<details><summary>Example: ${inline(summary)}</summary>${json(value)}</details>`,
    )
    .join("\n");
}

function errorsOf({ components }: Document): string {
  const rows = Object.entries(components.responses).flatMap(([name, response]) => {
    const status = statusOf(name);
    return status === undefined
      ? []
      : [[`<span id="error-${status}">${status}</span>`, name, textOf(response)]];
  });
  return `<h2 id="errors">Errors</h2>\n${table(["status", "name", "description"], rows)}`;
}

const statusOf = (name: string) => Object.entries(errorTable).find(([, row]) => row.name === name)?.[0];
const textOf = (response: Response) => ("$ref" in response ? "" : inline(response.description));

function securityOf({ components }: Document): string {
  const rows = Object.values(components.securitySchemes).map(({ description = "", name, scheme }) => [
    `<code>${escapeHtml(name ?? `Authorization: ${scheme}`)}</code>`,
    inline(description),
  ]);
  return `<h2>Credentials</h2>\n${table(["header", "description"], rows)}`;
}

function schemaOf(name: string, schema: Schema): string {
  return `<section id="schema-${name}">
<h3>${escapeHtml(name)}</h3>
${markdown(schema.description ?? "")}
${fieldsOf(schema)}
</section>`;
}

function typeOf(schema: Schema): string {
  const { $ref, type, items, additionalProperties, format } = schema;
  if ($ref !== undefined) {
    const name = $ref.replace(/.*\//, "");
    return `<a href="#schema-${name}">${escapeHtml(name)}</a>`;
  }
  if (type === "array" && items) return `list of ${typeOf(items)}${limitsOf(schema)}`;
  if (type === "object" && typeof additionalProperties === "object")
    return `map of ${typeOf(additionalProperties)}`;
  return `${escapeHtml([type].flat().join(" or "))}${format === undefined ? "" : ` (${format})`}${limitsOf(schema)}`;
}

function limitsOf({ anyOf, ...own }: Schema): string {
  // Only empty text has this form: it is allowed beside what the other rules allow.
  const schema = anyOf ? { ...own, ...anyOf.at(-1) } : own;
  const limits = Object.entries({
    "at least": schema.minimum ?? schema.minLength ?? schema.minItems,
    "more than": schema.exclusiveMinimum,
    "at most": schema.maximum ?? schema.maxLength ?? schema.maxItems,
  });
  const said = limits.flatMap(([word, value]) => (value === undefined ? [] : [`${word} ${value}`]));
  const values = schema.enum
    ?.filter((value) => value !== "")
    .map((value) => `<code>${escapeHtml(value)}</code>`);
  const pattern = schema.pattern === undefined ? [] : [`<code>${escapeHtml(schema.pattern)}</code>`];
  const all = [...said, ...(values ?? []), ...pattern];
  return all.length === 0 ? "" : `: ${all.join(", ")}`;
}
