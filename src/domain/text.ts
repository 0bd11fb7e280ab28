import { invalidField } from "./error.ts";

/** A name as it is stored: without space around it. Refuses one that is empty or blank. */
export function requireName(name: string, field = "metadata.name"): string {
  const trimmed = name.trim();
  if (trimmed === "") throw invalidField(field, "expected 1 to 128 characters");
  return trimmed;
}

/** An e-mail address as it is stored and compared: lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}
