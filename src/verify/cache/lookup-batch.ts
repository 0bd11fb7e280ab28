import { DomainError } from "../../domain/kernel/error.ts";
import type { Loaded, LookupKey } from "./load.ts";
import type { Waiting } from "./lookup-class.ts";

/** The look-ups of one statement. */
export type Batch = readonly Waiting[];

/** Returns each lookup key of a batch once. `places` has, for each look-up, the place of its key. */
export function distinct(batch: Batch): { lookupKeys: LookupKey[]; places: number[] } {
  const lookupKeys: LookupKey[] = [];
  const known = new Map<string, number>();
  const places = batch.map(({ lookupKey }) => {
    const { id, accountId, workspaceId, tenantId } = lookupKey;
    const key = [id, accountId, workspaceId, tenantId].join(" ");
    const place = known.get(key) ?? lookupKeys.push(lookupKey) - 1;
    known.set(key, place);
    return place;
  });
  return { lookupKeys, places };
}

/** Gives each look-up of a batch the row at its place. */
export function resolveBatch(batch: Batch, rows: readonly Loaded[], places: readonly number[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const row = rows[places[index] ?? -1];
    if (row) resolve(row);
    else reject(new Error("a load returned fewer rows than it has lookup keys"));
  }
}

/** Rejects all look-ups of a batch. */
export function rejectBatch(batch: Batch, error: unknown): void {
  for (const { reject } of batch) reject(error);
}

/** Returns the error of a look-up that takes too long. */
export function tooSlow(): DomainError {
  return new DomainError("UNAVAILABLE", "looking up this token takes too long: try again");
}
