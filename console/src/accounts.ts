import { createStore, type Store } from "./store.ts";

const key = "latchkey-account";

/** The id of the account that this tab acts in. It is no secret. A new tab begins with the last choice of any tab. */
export function createChosenAccount(): Store<string | undefined> {
  const store = createStore<string | undefined>(read(sessionStorage) ?? read(localStorage));
  return {
    ...store,
    set(id) {
      for (const storage of [sessionStorage, localStorage]) write(storage, id);
      store.set(id);
    },
  };
}

// A browser may refuse storage. The choice then ends with the page.
function read(storage: Storage): string | undefined {
  try {
    return storage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(storage: Storage, id: string | undefined): void {
  try {
    if (id) storage.setItem(key, id);
    else storage.removeItem(key);
  } catch {
    // The next page asks again.
  }
}
