import { type DescMessage, isFieldSet, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalidField } from "../domain/kernel/error.ts";

/**
 * Returns whether an update changes a field (AIP-134): the mask names it, or there is no mask and the field is present. In a
 * mask, `*` means every changeable field, and `spec` means every changeable field below it. Fails if the mask has another path.
 */
export function changedFields<Path extends string>(
  schema: DescMessage,
  request: Message,
  mask: FieldMask | undefined,
  changeable: readonly Path[],
): (path: Path) => boolean {
  if (!mask || mask.paths.length === 0) return (path) => isPresent(schema, request, path.split("."));
  const chosen = new Set(mask.paths.flatMap((path) => expand(path, changeable)));
  return (path) => chosen.has(path);
}

function expand<Path extends string>(path: string, changeable: readonly Path[]): Path[] {
  if (path === "*") return [...changeable];
  const below = changeable.filter((one) => one === path || one.startsWith(`${path}.`));
  if (below.length === 0) {
    throw invalidField(
      "update_mask",
      `expected only paths that can be changed: ${changeable.join(", ")}, or *${jsonHint(changeable)}`,
    );
  }
  return below;
}

// The names of the schema are right in binary messages only.
function jsonHint(changeable: readonly string[]): string {
  const example = changeable.find((path) => path.includes("_"));
  if (example === undefined) return "";
  const inJson = example.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return `. In JSON, expected lowerCamelCase, such as "${inJson}"`;
}

function isPresent(schema: DescMessage, message: Message, [name = "", ...rest]: string[]): boolean {
  const field = schema.fields.find((one) => one.name === name);
  if (!field) throw new Error(`${schema.typeName} has no field ${name}`);
  if (!isFieldSet(message, field)) return false;
  if (rest.length === 0 || field.fieldKind !== "message") return rest.length === 0;
  return isPresent(field.message, reflect(schema, message).get(field).message, rest);
}
