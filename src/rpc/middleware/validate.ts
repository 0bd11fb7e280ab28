import type { DescMessage, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator } from "@bufbuild/protovalidate";
import { invalidFields, type Violation } from "../../domain/kernel/error.ts";
import { clientsName } from "./json-violations.ts";

/** Validates a request by the rules in its schema. Fails with one violation per invalid field. */
export type Validate = (schema: DescMessage, message: Message) => void;

/** Creates the validation. It validates an empty message of each schema, because the first validation compiles the rules. */
export function createValidate(requests: readonly DescMessage[]): Validate {
  const validator: Validator = createValidator();
  for (const schema of requests) validator.validate(schema, create(schema));
  return (schema, message) => {
    const result = validator.validate(schema, message);
    if (result.kind === "error") throw result.error;
    if (result.kind === "valid") return;
    const violations = new Map<string, Violation>();
    for (const violation of result.violations) {
      const field = fieldName(violation.field);
      const known = violations.get(field);
      const description = known ? `${known.description}; ${violation.message}` : violation.message;
      violations.set(field, { field, description });
    }
    throw invalidFields([...violations.values()]);
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
