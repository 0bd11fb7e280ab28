import { isAftermath } from "../../db/errors.ts";

/**
 * Waits for statements that were started together, and returns their results. If some fail, throws the first error that
 * is not just the consequence of another one. When it throws, no statement is still running.
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
 * Waits for the first of some statements that were started together. The caller awaits the others later. Until then,
 * their failures do not count as unhandled rejections.
 */
export async function firstOf<T>([first, ...others]: readonly [
  Promise<T>,
  ...Promise<unknown>[],
]): Promise<T> {
  for (const other of others) other.catch(() => undefined);
  return await first;
}
