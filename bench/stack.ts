/** The servers, processes and files that end with a part of the run. The last one started ends first. */
export type Stack = AsyncDisposableStack;

/** Starts something that ends with the stack, even if the stack ends during the start. */
export async function startInto<T extends AsyncDisposable>(
  stack: Stack,
  start: () => Promise<T>,
): Promise<T> {
  stack.use(null); // Throws if the stack has ended.
  const starting = start();
  stack.defer(async () => {
    const started = await starting.catch(() => undefined);
    await started?.[Symbol.asyncDispose]();
  });
  return starting;
}
