import { test as base } from "vitest";
import { createTestDatabase } from "../database/database.ts";
import { createSite, type SiteOptions } from "./serve.ts";

/** A test that starts processes. It may run beside others. Everything that its fixtures created ends with it. */
export const test = base
  .extend("newSite", ({ task: _ }, { onCleanup }) => {
    const ends: (() => Promise<void>)[] = [];
    onCleanup(async () => {
      for (const end of ends) await end();
    });
    return (base: Record<string, string> = {}, options: SiteOptions = {}) => {
      const site = createSite(base, options);
      ends.push(site.clear);
      return site;
    };
  })
  /** A database without tables, and a site whose processes use it. */
  .extend("external", ({ newSite }, { onCleanup }) => onDatabase("empty", newSite, onCleanup))
  /** A migrated database without a platform account, and a site whose processes use it. */
  .extend("migrated", ({ newSite }, { onCleanup }) => onDatabase("migrated", newSite, onCleanup));

async function onDatabase(
  kind: "empty" | "migrated",
  newSite: typeof createSite,
  onCleanup: (end: () => Promise<void>) => void,
) {
  const database = await createTestDatabase(kind);
  const site = newSite({ LATCHKEY_DATABASE_URL: database.url });
  onCleanup(async () => {
    await site.clear();
    await database.drop();
  });
  return { ...database, site };
}
