import { type EmptyList, emptyLists } from "../console/empty.ts";
import { type ConsolePage, readPages } from "../console/pages.ts";
import { emptyName, fileOf, framePage, nameOf, themes } from "../console/pictures.ts";

const intro =
  "`npm run surface` writes this section from `console/src/pages.ts`. `npm run pictures` takes the pictures again.";

/** Returns the section of docs/console.md about all pages. */
export async function pageSection(): Promise<string> {
  const pages = [...(await readPages()), await framePage()];
  return [intro, ...pages.map(partOf), emptySection()].join("\n\n");
}

function partOf(page: ConsolePage): string {
  const rpcs = page.rpcs.map((rpc) => `\`${rpc}\``).join(", ");
  return [
    `### ${page.title}`,
    `\`/console${page.path}\` calls ${rpcs}. On a phone: ${onPhone(nameOf(page))}.`,
    `| light | dark |\n| --- | --- |\n| ${cells(nameOf(page), page.title)} |`,
  ].join("\n\n");
}

function emptySection(): string {
  const row = (one: EmptyList) =>
    `| ${one.title}<br>on a phone: ${onPhone(emptyName(one))} | ${cells(emptyName(one), `${one.title}, empty`)} |`;
  const table = ["| list | light | dark |", "| --- | --- | --- |", ...emptyLists.map(row)];
  return `### Lists without items\n\n${table.join("\n")}`;
}

function onPhone(name: string): string {
  return themes.map((theme) => `[${theme}](pictures/${fileOf(name, theme, 390)})`).join(", ");
}

function cells(name: string, title: string): string {
  return themes.map((theme) => `![${title}, ${theme}](pictures/${fileOf(name, theme, 1280)})`).join(" | ");
}
