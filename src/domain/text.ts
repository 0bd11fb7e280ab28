import { invalidFields, type Violation } from "./error.ts";

/** A name as it is stored: without space around it. Refuses one that is empty or blank. */
export function requireName(name: string, field = "metadata.name"): string {
  const violations = nameViolations(name, field);
  if (violations.length > 0) throw invalidFields(violations);
  return name.trim();
}

/** What is wrong with a name: it is empty or blank. */
export function nameViolations(name: string, field = "metadata.name"): Violation[] {
  return name.trim() === "" ? [{ field, description: "expected 1 to 128 characters" }] : [];
}

/** An e-mail address as it is stored and compared: lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}
