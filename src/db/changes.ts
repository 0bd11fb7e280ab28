/** Follows each change from before its transaction until it is effective at every instance. */
export interface Changes {
  begin(): Change;
  /** The maximum time from the COMMIT of a change until it is effective at every instance, in milliseconds. */
  patienceMs(): number;
}

/** A running change. Its transaction sends `concerns` and `changeMarker` after all of its writes. Call exactly one of the two functions. */
export interface Change {
  changeMarker: string;
  /**
   * Returns the message that the transaction sends directly before `changeMarker`. It names the accounts that the change
   * concerns, besides those that it invalidates. The change waits only for the guards of these accounts.
   */
  concerns(accounts: readonly string[] | "all"): string;
  /**
   * Resolves when the change is effective at every instance. Call it after the COMMIT. Fails with `REVOCATION_PENDING` if that
   * takes longer than the deadline of the caller.
   */
  settle(timeLeftMs?: number): Promise<void>;
  /** Ends a change that was not made, or that changed nothing that a cache contains. */
  abandon(): void;
}
