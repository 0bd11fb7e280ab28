const nothing = Object.freeze({});
const noItems: readonly unknown[] = Object.freeze([]);

/**
 * Freezes a value and everything in it, and returns it. Several callers share a verdict, so none of them may change it. Empty
 * lists and maps in it become one shared object, because a cache holds many.
 */
export function freezeDeep<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  for (const [name, part] of Object.entries(value)) {
    if (typeof part !== "object" || part === null) continue;
    Reflect.set(value, name, sharedIfEmpty(part) ?? freezeDeep(part));
  }
  return Object.freeze(value);
}

function sharedIfEmpty(part: object): object | undefined {
  if (Array.isArray(part)) return part.length === 0 ? noItems : undefined;
  // A message has a type, even if all its fields have their defaults.
  const isMap = !("$typeName" in part) && !(part instanceof Date);
  return isMap && Object.keys(part).length === 0 ? nothing : undefined;
}
