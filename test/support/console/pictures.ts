import type { EmptyList } from "./empty.ts";
import { type ConsolePage, readPages } from "./pages.ts";
import type { Theme } from "./tabs.ts";

/** The themes of the pictures in docs/pictures. */
export const themes: readonly Theme[] = ["light", "dark"];

/** Their widths in pixels: of a phone and of a desktop. */
export const widths = [390, 1280] as const;

/** Returns the page that the frame in the product of a platform shows. */
export async function framePage(): Promise<ConsolePage> {
  const rpcs = (await readPages()).find(({ path }) => path === "/keys")?.rpcs ?? [];
  return { path: "/embed", title: "API keys in a page of the platform's product", rpcs };
}

/** Returns the name of the pictures of a page. */
export function nameOf({ path }: ConsolePage): string {
  return path.slice(1).replaceAll("/", "-").replace(":id", "one");
}

/** Returns the name of the pictures of a list without items. */
export function emptyName({ name }: EmptyList): string {
  return `empty-${name}`;
}

/** Returns the file of a picture. */
export function fileOf(name: string, theme: Theme, width: number): string {
  return `${name}-${theme}-${width}.png`;
}
