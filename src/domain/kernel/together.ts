import { isAftermath } from "../../db/errors.ts";

/**
 * Waits for statements that were started together, and returns their results. If some fail, throws the error of the first
 * one that did not merely follow another's failure. Nothing is under way any more when it throws.
 */
export async function together<T extends readonly unknown[] | []>(
  started: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(started);
  const errors = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  if (errors.length > 0) throw errors.find((error) => !isAftermath(error)) ?? errors[0];
  return settled.map((one) => (one.status === "fulfilled" ? one.value : undefined)) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}

/**
 * Waits for the first of some statements that were started together. The others are awaited later: until then, what they
 * fail with is nobody's error.
 */
export async function firstOf<T>([first, ...others]: readonly [
  Promise<T>,
  ...Promise<unknown>[],
]): Promise<T> {
  for (const other of others) other.catch(() => undefined);
  return await first;
}
