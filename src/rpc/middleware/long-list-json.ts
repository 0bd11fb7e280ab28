import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Violation } from "../../domain/kernel/error.ts";
import { maxItemsOf, tooManyItems } from "./list-bound.ts";
import { endOfString } from "./scan-json.ts";

// An object or a list that is open at some place of the text.
interface Open {
  /** The message of the schema, if it is one. */
  message?: DescMessage | undefined;
  /** The list or map of the schema, if it is one. */
  list?: DescField | undefined;
  maxItems: number;
  /** Its number of items so far, or the pairs of a map. */
  items: number;
  /** The field whose value follows. */
  next?: DescField | undefined;
}

/**
 * Returns the violation of the first list or map in a JSON text that has more items than its schema allows, or undefined. Reads
 * the text once and does not parse it, like `scanJson`. It stops where values are nested more deeply than `maxDepth`.
 */
export function longListInJson(
  bytes: Uint8Array,
  schema: DescMessage,
  maxDepth: number,
): Violation | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const open: Open[] = [];
  let name: readonly [start: number, end: number] = [0, 0];
  for (let at = 0; at < bytes.length; at += 1) {
    const character = String.fromCharCode(bytes[at] ?? 0);
    const inner = open.at(-1);
    if (character === '"') {
      const start = at + 1;
      at = endOfString(bytes, start);
      name = [start, at];
    } else if (character === "{" || character === "[") {
      if (open.length >= maxDepth) return undefined;
      open.push(inner ? openedIn(inner, character === "[") : { message: schema, maxItems: 0, items: 0 });
    } else if (character === "}" || character === "]") open.pop();
    else if (inner?.list && character === (inner.list.fieldKind === "map" ? ":" : ",")) {
      inner.items += 1;
      if (inner.items > inner.maxItems) return tooManyItems(inner.list, pathOf(open));
    } else if (character === ":" && inner?.message)
      inner.next = fieldOf(inner.message, text.toString("latin1", ...name));
  }
  return undefined;
}

function fieldOf({ fields }: DescMessage, name: string): DescField | undefined {
  return fields.find((field) => field.name === name || field.jsonName === name);
}

// The value that opens inside of another one. A list has one item more than commas.
function openedIn({ list, next }: Open, isList: boolean): Open {
  if (list) return { message: list.message, maxItems: 0, items: 0 };
  if (next?.fieldKind === "list" && isList) return { list: next, maxItems: maxItemsOf(next), items: 1 };
  if (next?.fieldKind === "map" && !isList) return { list: next, maxItems: maxItemsOf(next), items: 0 };
  return { message: next?.fieldKind === "message" ? next.message : undefined, maxItems: 0, items: 0 };
}

function pathOf(open: readonly Open[]): string {
  const parts = open.map(({ next, list, items }, depth) => {
    if (next?.fieldKind === "message") return `${next.name}.`;
    if (!list) return "";
    return depth === open.length - 1 ? list.name : `${list.name}[${items - 1}].`;
  });
  return parts.join("");
}
