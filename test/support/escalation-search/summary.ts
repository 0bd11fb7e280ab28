/** What a search did and found. */
export interface SearchSummary {
  steps: number;
  seed: number;
  organisations: number;
  /** Steps that were let through. */
  allowed: number;
  refused: number;
  /** Each with the step that led to it. None, if nobody escalated. */
  violations: string[];
}
