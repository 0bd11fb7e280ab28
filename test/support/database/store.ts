import { type Db, followChanges, type Store } from "../../../src/db/connect.ts";

/** Returns a store for a database that no instance serves yet. A change of it is effective as soon as it commits. */
export function unserved(db: Db): Store {
  return followChanges(db, {
    begin: () => ({
      changeMarker: "m 000000000000000000 1",
      concerns: () => "i @*",
      settle: () => Promise.resolve(),
      abandon() {},
    }),
    patienceMs: () => 0,
  });
}
