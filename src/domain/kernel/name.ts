import { isUniqueViolation } from "../../db/errors.ts";
import { DomainError } from "./error.ts";
import { isExternalIdTaken } from "./external-id.ts";

/**
 * Runs a statement that stores a name. The database keeps names unique, even for concurrent changes. Fails with
 * `ALREADY_EXISTS` if the name is taken. The error names the field.
 */
export async function giveName<T>(noun: string, statement: Promise<T>, field = "metadata.name"): Promise<T> {
  try {
    return await statement;
  } catch (error) {
    throw isUniqueViolation(error) && !isExternalIdTaken(error) ? nameTaken(noun, field) : error;
  }
}

function nameTaken(noun: string, field: string): DomainError {
  return new DomainError("ALREADY_EXISTS", `another ${noun} of this account has this name`, {
    field,
  });
}
