import { useState } from "react";

/** An action of the user that is running or has failed. */
export interface Action {
  /** Starts the action, unless it is running. */
  run(): Promise<void>;
  busy: boolean;
  /** Why the last run failed. */
  error: unknown;
}

/** Keeps the state of an action that is no single call. For a single call, use `useMutation`. */
export function useAction(action: () => Promise<void>): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  return {
    busy,
    error,
    async run() {
      if (busy) return;
      setBusy(true);
      setError(undefined);
      try {
        await action();
      } catch (reason) {
        setError(reason);
      } finally {
        setBusy(false);
      }
    },
  };
}
