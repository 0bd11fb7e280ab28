import type { DescMessage, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator } from "@bufbuild/protovalidate";
import { invalidFields, maxViolations, type Violation } from "../../domain/kernel/error.ts";
import { rulesOf } from "./field-rules.ts";
import { clientsName } from "./json-violations.ts";
import { type CheckLengths, createCheckLengths } from "./lengths.ts";
import { createPatternMatcher } from "./pattern.ts";

/**
 * Checks a request by the rules in its schema. If the request is invalid, throws one violation per field, for at most
 * `maxViolations` fields. It evaluates the other rules of a list or a string only if its length is allowed.
 */
export type Validate = (schema: DescMessage, message: Message) => void;

/** Creates the check for these requests. Prepares them all, because the first check of a message compiles its rules. */
export function createValidate(requests: readonly DescMessage[]): Validate {
  const validator: Validator = createValidator({ regexMatch: createPatternMatcher() });
  const prepared = new Map(requests.map((schema) => [schema, prepare(schema)]));
  for (const schema of requests) validator.validate(schema, create(schema));
  return (schema, message) => {
    const { checkLengths, lists } = prepared.get(schema) ?? prepare(schema);
    const violations = createViolations();
    for (const { field, description } of checkLengths(message)) violations.add(field, description);
    const tooLong = [...violations.fields()];
    const isTooLong = (field: string) => tooLong.some((one) => field.startsWith(one));
    for (const [part, desc, path] of partsOf(schema, message, lists)) {
      if (violations.isFull()) break;
      const result = validator.validate(desc, part);
      if (result.kind === "error") throw result.error;
      if (result.kind === "valid") continue;
      for (const violation of result.violations) {
        const field = path + fieldName(violation.field);
        if (!isTooLong(field)) violations.add(field, violation.message);
      }
    }
    violations.throwAny();
  };
}

interface Prepared {
  checkLengths: CheckLengths;
  lists: MessageList[];
}

/** A list of messages in a request. */
interface MessageList {
  name: string;
  localName: string;
  item: DescMessage;
}

function prepare(schema: DescMessage): Prepared {
  const lists = schema.fields.flatMap((field): MessageList[] => {
    if (field.fieldKind !== "list" || !field.message) return [];
    const rules = rulesOf(field);
    const minItems = rules?.type.case === "repeated" ? Number(rules.type.value.minItems) : 0;
    if (minItems > 1) throw new Error(`${field.toString()}: min_items above 1 is not checked yet`);
    return [{ name: field.name, localName: field.localName, item: field.message }];
  });
  return { checkLengths: createCheckLengths(schema), lists };
}

// Protovalidate collects every violation of what it checks. So it gets the message with one item of each list of messages,
// and then the other items one by one, until there are enough violations.
function* partsOf(
  schema: DescMessage,
  message: Message,
  lists: readonly MessageList[],
): Generator<[part: Message, schema: DescMessage, path: string]> {
  const values = message as unknown as Record<string, Message[]>;
  const long = lists.filter(({ localName }) => (values[localName]?.length ?? 0) > 1);
  if (long.length === 0) {
    yield [message, schema, ""];
    return;
  }
  const firsts = long.map(({ localName }) => [localName, values[localName]?.slice(0, 1)] as const);
  yield [{ ...message, ...Object.fromEntries(firsts) }, schema, ""];
  for (const { localName, name, item } of long) {
    for (const [index, part] of (values[localName] ?? []).entries()) {
      if (index > 0) yield [part, item, `${name}[${index}].`];
    }
  }
}

// One violation per field: the second one of a field extends the first.
function createViolations() {
  const violations = new Map<string, Violation>();
  return {
    add(field: string, description: string): void {
      const known = violations.get(field);
      if (known) known.description += `; ${description}`;
      else if (violations.size < maxViolations) violations.set(field, { field, description });
    },
    fields: () => violations.keys(),
    isFull: () => violations.size === maxViolations,
    throwAny(): void {
      if (violations.size > 0) throw invalidFields([...violations.values()]);
    },
  };
}

function fieldName(path: Path): string {
  return pathToString(
    path.map((part) =>
      part.kind === "map_sub" && typeof part.key === "string"
        ? { ...part, key: clientsName(part.key) }
        : part,
    ),
  );
}
