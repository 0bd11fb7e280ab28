import { invalidFields, type Violation } from "./error.ts";

/** A name as it is stored: without space around it. Refuses one that is empty or blank. */
export function requireName(name: string, field = "metadata.name"): string {
  const violations = nameViolations(name, field);
  if (violations.length > 0) throw invalidFields(violations);
  return name.trim();
}

/** What is wrong with a name: it is empty or blank. */
export function nameViolations(name: string, field = "metadata.name"): Violation[] {
  return nameKey(name) === "" ? [{ field, description: "expected 1 to 128 characters" }] : [];
}

/** An e-mail address as it is stored and compared: lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}

/**
 * By what a name collides: without letter case, width, kinds of space (U+2800 looks like one) and what is invisible.
 * Letters of other scripts that look alike (UTS 39) stay apart.
 */
export function nameKey(name: string): string {
  const visible = name.replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "").normalize("NFKC");
  // Down, up and down again folds what one letter case alone tells apart: ẞ, ß and SS, or Σ, σ and ς.
  return visible
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKC")
    .replace(/[\s\p{Z}\u2800]+/gu, " ")
    .trim();
}
