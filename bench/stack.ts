/** What has to end with the run, the last to start first. */
export type Stack = AsyncDisposableStack;

/** Starts something that ends with the stack, even where the stack ends while it is still starting. */
export async function startInto<T extends AsyncDisposable>(
  stack: Stack,
  start: () => Promise<T>,
): Promise<T> {
  stack.use(null); // throws where the stack has ended
  const starting = start();
  stack.defer(async () => {
    const started = await starting.catch(() => undefined);
    await started?.[Symbol.asyncDispose]();
  });
  return starting;
}
