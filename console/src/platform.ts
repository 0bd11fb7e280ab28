import { createStore, type Store } from "./store.ts";

/** An account for which the platform acts. */
export interface Tenant {
  id: string;
  name: string;
}

/** The platform's way into the console: a key of the platform account in place of the session of a person. */
export interface Platform {
  /** The key. It is in memory only, so it is gone when the page loads again. */
  key: Store<string | undefined>;
  /** The account for which the key acts. Undefined: its own. */
  tenant: Store<Tenant | undefined>;
  /** Forgets the key. */
  leave(): void;
}

/** Returns a platform without a key. */
export function createPlatform(): Platform {
  const key = createStore<string | undefined>(undefined);
  const tenant = createStore<Tenant | undefined>(undefined);
  return {
    key,
    tenant,
    leave() {
      key.set(undefined);
      tenant.set(undefined);
    },
  };
}
