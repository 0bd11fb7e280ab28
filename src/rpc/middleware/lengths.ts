import { type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "../../domain/kernel/error.ts";
import { type MaxLength, maxLengthOf, rulesOf } from "./field-rules.ts";
import { clientsName } from "./json-violations.ts";
import { maxItemsOf, tooManyItems } from "./list-bound.ts";

/**
 * Compares the lengths of lists, maps and strings with their maximums in the schema. Returns one violation for each that is
 * too long, and empties it in the message. So the other rules are never evaluated on what is too long.
 */
export type CheckLengths = (message: Message) => Violation[];

type Fields = Record<string, unknown>;
type Check = (message: Fields, path: string, violations: Violation[]) => void;

/** Creates the check for a message, once. */
export function createCheckLengths(schema: DescMessage): CheckLengths {
  const check = checkOf(schema, new Map());
  return (message) => {
    const violations: Violation[] = [];
    check(message as unknown as Fields, "", violations);
    return violations;
  };
}

// `known` also ends the recursion of a message that contains itself.
function checkOf(schema: DescMessage, known: Map<DescMessage, Check>): Check {
  const made = known.get(schema);
  if (made) return made;
  const checks: Check[] = [];
  const check: Check = (message, path, violations) => {
    for (const one of checks) one(message, path, violations);
  };
  known.set(schema, check);
  for (const field of schema.fields) checks.push(...checkOfField(field, known));
  return check;
}

function checkOfField(field: DescField, known: Map<DescMessage, Check>): Check[] {
  if (field.oneof) return oneofFails(field);
  if (field.fieldKind === "message") return [checkOfMessage(field, checkOf(field.message, known))];
  if (field.fieldKind === "list") return [checkOfList(field, known)];
  if (field.fieldKind === "map") return [checkOfMap(field)];
  const max = field.scalar === ScalarType.STRING ? maxLengthOf(rulesOf(field)) : undefined;
  return max ? [checkOfString(field, max)] : [];
}

// A message keeps the fields of a oneof in another place, which the checks below do not read. No request has such a field yet.
function oneofFails(field: DescField): Check[] {
  if (field.scalar === undefined || field.scalar === ScalarType.STRING) {
    throw new Error(`${field.toString()}: lengths in a oneof are not checked yet`);
  }
  return [];
}

function checkOfString({ localName, name }: DescField, max: MaxLength): Check {
  return (message, path, violations) => {
    const description = tooLong(message[localName] as string, max);
    if (description === undefined) return;
    violations.push({ field: `${path}${name}`, description });
    message[localName] = "";
  };
}

function checkOfMessage({ localName, name }: DescField, check: Check): Check {
  return (message, path, violations) => {
    const value = message[localName] as Fields | undefined;
    if (value) check(value, `${path}${name}.`, violations);
  };
}

function checkOfList(field: DescField & { fieldKind: "list" }, known: Map<DescMessage, Check>): Check {
  const { localName, name } = field;
  const rules = rulesOf(field);
  const list = rules?.type.case === "repeated" ? rules.type.value : undefined;
  const maxItems = maxItemsOf(field);
  const max = field.scalar === ScalarType.STRING ? maxLengthOf(list?.items) : undefined;
  const check = field.message && checkOf(field.message, known);
  return (message, path, violations) => {
    const items = message[localName] as unknown[];
    if (items.length > maxItems) {
      violations.push(tooManyItems(field, `${path}${name}`));
      message[localName] = [];
      return;
    }
    if (!check && !max) return;
    for (const [index, item] of items.entries()) {
      if (check) check(item as Fields, `${path}${name}[${index}].`, violations);
      const description = max && tooLong(item as string, max);
      if (description === undefined) continue;
      violations.push({ field: `${path}${name}[${index}]`, description });
      items[index] = "";
    }
  };
}

function checkOfMap(field: DescField & { fieldKind: "map" }): Check {
  const { localName, name } = field;
  const rules = rulesOf(field);
  const map = rules?.type.case === "map" ? rules.type.value : undefined;
  const maxPairs = maxItemsOf(field);
  const maxKey = maxLengthOf(map?.keys);
  const maxValue = field.scalar === ScalarType.STRING ? maxLengthOf(map?.values) : undefined;
  return (message, path, violations) => {
    const pairs = message[localName] as Record<string, string>;
    const keys = Object.keys(pairs);
    if (keys.length > maxPairs) {
      violations.push(tooManyItems(field, `${path}${name}`));
      message[localName] = {};
      return;
    }
    for (const key of keys) {
      const wrongKey = maxKey && tooLong(key, maxKey);
      const description = wrongKey ?? (maxValue && tooLong(pairs[key] ?? "", maxValue));
      if (description === undefined) continue;
      violations.push({ field: `${path}${name}["${clientsName(key)}"]`, description });
      delete pairs[key];
    }
  };
}

// The texts are protovalidate's own. A UTF-16 unit is at most one character, and at most three bytes.
function tooLong(text: string, { characters, bytes }: MaxLength): string | undefined {
  if (characters > 0 && text.length > characters && countsMore(text, characters)) {
    return `must be at most ${characters} characters`;
  }
  if (bytes > 0 && text.length * 3 > bytes && (text.length > bytes || Buffer.byteLength(text) > bytes)) {
    return `must be at most ${bytes} bytes`;
  }
  return undefined;
}

function countsMore(text: string, characters: number): boolean {
  return text.length > 2 * characters || [...text].length > characters;
}
