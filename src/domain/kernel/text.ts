import { invalidFields, type Violation } from "./error.ts";

/** Returns a name as it is stored, without space around it. Fails with a violation if the name is empty or blank. */
export function requireName(name: string, field = "metadata.name"): string {
  const violations = nameViolations(name, field);
  if (violations.length > 0) throw invalidFields(violations);
  return name.trim();
}

/** Returns the violations of a name that is empty or blank. */
export function nameViolations(name: string, field = "metadata.name"): Violation[] {
  return nameKey(name) === "" ? [{ field, description: "expected 1 to 128 characters" }] : [];
}

/** Returns an e-mail address as it is stored and compared, in lower case. */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}

/**
 * Returns the key for name uniqueness: case-folded, NFKC, spaces collapsed (U+2800 counts as one), invisible characters
 * removed. Similar letters of different scripts (UTS 39) stay different.
 */
export function nameKey(name: string): string {
  const visible = name.replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "").normalize("NFKC");
  // Lower, upper and lower case again folds letters that differ only in one of them: ẞ, ß and SS, or Σ, σ and ς.
  return visible
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKC")
    .replace(/[\s\p{Z}\u2800]+/gu, " ")
    .trim();
}
