import { join } from "node:path";

/** What tests read of a page of the console. */
export interface ConsolePage {
  path: string;
  title: string;
  audience?: "public" | "user" | "platform";
  needs?: string;
  rpcs: readonly string[];
}

// The name is computed, because the tests are compiled without the types of browsers.
const file = join(import.meta.dirname, "..", "..", "..", "console", "src", "pages.ts");

/** Returns the pages of the console. */
export async function readPages(): Promise<readonly ConsolePage[]> {
  const { pages } = (await import(file)) as { pages: readonly ConsolePage[] };
  return pages;
}
