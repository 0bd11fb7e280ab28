import type { DescMessage } from "@bufbuild/protobuf";

// The name of a field at the start of a path, and the index or the key behind it.
const step = /^(\w+)((?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?)(?:\.|$)/;

/**
 * Returns the path of a field in the names of JSON: `spec.expires_at` becomes `spec.expiresAt`. Keys of maps, and names that
 * the schema does not have, stay as they are.
 */
export function jsonPath(schema: DescMessage, path: string): string {
  const names: string[] = [];
  let rest = path;
  let message: DescMessage | undefined = schema;
  while (message && rest !== "") {
    const [all = "", name = "", index = ""] = step.exec(rest) ?? [];
    const field: DescMessage["fields"][number] | undefined = message.fields.find(
      (one) => one.name === name || one.jsonName === name,
    );
    if (!field) break;
    names.push(field.jsonName + index);
    rest = rest.slice(all.length);
    message = field.message;
  }
  return [...names, ...(rest === "" ? [] : [rest])].join(".");
}
