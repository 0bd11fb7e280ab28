/** The usage of one token: the verifications that the cache answered since the last report. */
export interface UsageCounter {
  /** Counts a verification at this time of the database. It costs no memory. */
  record(databaseTime: number, clientAddress: string | undefined): void;
}
