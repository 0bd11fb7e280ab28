import { type GuardParts, productionGuardParts } from "../../../src/guard/create-guard.ts";

/** Parts of broken guards. A test must detect each of them. Otherwise it proves little if it finds no stale verdict. */
export const brokenGuards = {
  "keeps what was invalidated while its call was under way": {
    ...productionGuardParts,
    createGuardCache<T>(max: number) {
      const cache = productionGuardParts.createGuardCache<T>(max);
      const begin: typeof cache.begin = () => ({
        keep: (key, kept) => cache.begin().keep(key, kept),
        end: () => undefined,
      });
      return { ...cache, begin };
    },
  },
} satisfies Record<string, GuardParts>;
