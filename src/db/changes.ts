/** Follows changes from before their transaction until they are effective everywhere. */
export interface Changes {
  begin(): Change;
  /** How long after its COMMIT a change is effective everywhere, at the latest. */
  patienceMs(): number;
}

/** A change on its way: `mark` is sent by its transaction, behind all that it changes. Exactly one of the two ends it. */
export interface Change {
  changeMarker: string;
  /**
   * Resolves when it is effective everywhere. Call it when its COMMIT was answered. Throws `REVOCATION_PENDING` where that
   * takes longer than the caller has time.
   */
  settle(timeLeftMs?: number): Promise<void>;
  /** It was not made, or changed nothing that anybody remembers. */
  abandon(): void;
}
