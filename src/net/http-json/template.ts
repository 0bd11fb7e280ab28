/** One segment of a path template: a literal text, `*` (one segment), or `**` (zero or more segments, at the end only). */
export type Segment = { kind: "literal"; text: string } | { kind: "one" } | { kind: "rest" };

/** A variable of a path template. It binds the segments from `start` up to `end`, which is excluded. */
export interface Variable {
  /** The names of the field, from the outermost to the innermost. */
  fieldPath: readonly string[];
  start: number;
  end: number;
  /** Whether it may bind more or fewer than one segment. Then an encoded slash in it stays encoded. */
  isMulti: boolean;
}

/** A path template of `google.api.http`, parsed. */
export interface Template {
  segments: readonly Segment[];
  variables: readonly Variable[];
  /** The verb after the last colon, or an empty text. */
  verb: string;
}

const identifier = /^[a-zA-Z_]\w*$/;
// RFC 3986: a character of a path segment, without the characters that a template uses.
const literal = /^(?:[\w.~!$&'()+,;@-]|%[0-9A-Fa-f]{2})+$/;

/**
 * Parses a path template: `"/" segment { "/" segment } [ ":" verb ]`. A segment is `*`, `**`, a literal text or a variable. A
 * variable is `{field}` or `{field=segments}`. Fails if the text is not a template.
 */
export function parseTemplate(text: string): Template {
  const fail = (problem: string) => new Error(`the path template ${JSON.stringify(text)} ${problem}`);
  if (!text.startsWith("/")) throw fail("does not begin with /");
  const [path, verb] = splitVerb(text);
  if (verb !== undefined && !literal.test(verb)) throw fail("has a wrong verb");
  const segments: Segment[] = [];
  const variables: Variable[] = [];
  for (const part of splitOutsideBraces(path.slice(1))) {
    if (!part.startsWith("{")) {
      segments.push(parseSegment(part, fail));
      continue;
    }
    if (!part.endsWith("}")) throw fail("has a variable that does not end");
    const [name = "", ...patterns] = part.slice(1, -1).split("=");
    if (patterns.length > 1) throw fail("has a variable with two patterns");
    const fieldPath = name.split(".");
    if (!fieldPath.every((one) => identifier.test(one))) throw fail("has a variable without a field");
    const inner = (patterns[0] ?? "*").split("/").map((one) => parseSegment(one, fail));
    const start = segments.length;
    segments.push(...inner);
    const isMulti = inner.length !== 1 || inner[0]?.kind === "rest";
    variables.push({ fieldPath, start, end: segments.length, isMulti });
  }
  const rest = segments.findIndex(({ kind }) => kind === "rest");
  if (rest !== -1 && rest < segments.length - 1) throw fail("has a segment after **");
  const names = variables.map(({ fieldPath }) => fieldPath.join("."));
  if (new Set(names).size < names.length) throw fail("binds a field twice");
  return { segments, variables, verb: verb ?? "" };
}

function parseSegment(text: string, fail: (problem: string) => Error): Segment {
  if (text === "*") return { kind: "one" };
  if (text === "**") return { kind: "rest" };
  if (!literal.test(text)) throw fail("has an empty or wrong segment");
  return { kind: "literal", text };
}

// A colon inside of braces belongs to no verb, and is no valid character there either.
function splitVerb(text: string): [path: string, verb: string | undefined] {
  const at = text.lastIndexOf(":");
  return at > text.lastIndexOf("/") && at > text.lastIndexOf("}")
    ? [text.slice(0, at), text.slice(at + 1)]
    : [text, undefined];
}

function splitOutsideBraces(text: string): string[] {
  const parts = [""];
  let isInside = false;
  for (const character of text) {
    if (character === "/" && !isInside) {
      parts.push("");
      continue;
    }
    if (character === "{") isInside = true;
    if (character === "}") isInside = false;
    parts[parts.length - 1] += character;
  }
  return parts;
}
