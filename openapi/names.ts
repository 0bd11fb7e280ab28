import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";

/**
 * Returns a comment with the names of JSON: the code `update_mask` becomes `updateMask`. A single name must be a field that is
 * near the comment, because the names of metadata, permissions and resources stay as they are.
 */
export function withJsonNames(text: string, element: DescMethod | DescMessage | DescField): string {
  const near = new Map(fieldsNear(element).map(({ name, jsonName }) => [name, jsonName]));
  return text.replace(/`([a-z][a-z0-9_.]*)`/g, (all, code: string) => {
    if (!code.includes(".")) return `\`${near.get(code) ?? code}\``;
    return /\.(md|proto)$/.test(code)
      ? all
      : `\`${code.replace(/_([a-z0-9])/g, (_, one) => one.toUpperCase())}\``;
  });
}

function fieldsNear(element: DescMethod | DescMessage | DescField): readonly DescField[] {
  if (element.kind === "rpc") return [...element.input.fields, ...element.output.fields];
  return element.kind === "message" ? element.fields : element.parent.fields;
}
