import {
  create,
  type DescMessage,
  type DescMethod,
  getOption,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";

/** A call to show: its RPC and its request. Secrets in the request are shell variables such as `$KEY`. */
export interface ShownCall<I extends DescMessage> {
  method: DescMethod & { input: I };
  request: MessageInitShape<I>;
  /** The variable with the caller's token. Unset: the call has no bearer. */
  bearer?: string | undefined;
}

const variable = /^\$[A-Z]+$/;

/**
 * Returns a call as a command line for bash or zsh: curl on plain HTTP. A shell writes the variables with secrets, so that they
 * are never arguments of a program. Supports requests whose fields are in the path or in the body.
 */
export function curlOf<I extends DescMessage>(
  url: string,
  { method, request, bearer }: ShownCall<I>,
): string {
  const rule = getOption(method, http);
  const { case: verb, value: template } = rule.pattern;
  if (verb === undefined) throw new Error(`${method.name} has no HTTP route`);
  const message = create(method.input, request);
  const fields = toJson(method.input, message, { alwaysEmitImplicit: false }) as JsonObject;
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const field = method.input.fields.find((one) => one.name === name);
    const value = fields[field?.jsonName ?? ""];
    delete fields[field?.jsonName ?? ""];
    return encodeURIComponent(String(value));
  });
  if (rule.body === "" && Object.keys(fields).length > 0) {
    throw new Error(`${method.name} has fields in its query`);
  }
  return [
    "curl -sS",
    ...(verb === "post" ? [] : [`-X ${verb.toUpperCase()}`]),
    ...(bearer === undefined ? [] : [`-H @<(echo "Authorization: Bearer ${bearer}")`]),
    ...(rule.body === "" ? [] : [`--json ${bodyOf(fields)}`]),
    shellWord(`${url}${path}`),
  ].join(" ");
}

function bodyOf(fields: JsonObject): string {
  if (!hasVariable(fields)) return shellWord(JSON.stringify(fields));
  return `@<(echo ${doubleQuoted(JSON.stringify(fields))})`;
}

function hasVariable(value: JsonValue): boolean {
  if (typeof value === "string") return variable.test(value);
  return typeof value === "object" && value !== null && Object.values(value).some(hasVariable);
}

// Only the variables of this page are expanded. They are whole strings of the JSON.
function doubleQuoted(json: string): string {
  const escaped = json.replace(/[\\"`$]/g, (character) => `\\${character}`);
  return `"${escaped.replace(/\\"\\(\$[A-Z]+)\\"/g, '\\"$1\\"')}"`;
}

/** Quotes one word for a POSIX shell, if it needs quotes. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
