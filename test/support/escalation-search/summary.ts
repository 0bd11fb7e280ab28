/** The steps and findings of a search. */
export interface SearchSummary {
  steps: number;
  seed: number;
  organisations: number;
  /** The number of steps that were allowed. */
  allowed: number;
  refused: number;
  /** The violations, each with the step that caused it. Empty if no principal escalated. */
  violations: string[];
}
