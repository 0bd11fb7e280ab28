/**
 * Returns whether a value is an object whose fields are all its own. A promise, a list, a map or an instance of a class is not:
 * the guard would find no field in it, and so require nothing.
 */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Each realm, for example of a test runner, has its own `Object.prototype`.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
