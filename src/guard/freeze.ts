/** Freezes a value and everything in it. Several callers share a verdict, so none of them may change it. */
export function freezeDeep<T>(value: T): T {
  // The bytes of a typed array cannot be frozen, and no message of a verdict has any.
  if (typeof value !== "object" || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) {
    return value;
  }
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
  return value;
}
