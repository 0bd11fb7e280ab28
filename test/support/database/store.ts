import { type Db, followChanges, type Store } from "../../../src/db/connect.ts";

/** A database that no instance serves yet: a change of it is effective as soon as it is committed. */
export function unserved(db: Db): Store {
  return followChanges(db, {
    begin: () => ({ changeMarker: "m 000000000000000000 1", settle: () => Promise.resolve(), abandon() {} }),
    patienceMs: () => 0,
  });
}
