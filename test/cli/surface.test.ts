import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commandSection } from "../support/surface/command-pages.ts";
import { withoutCommand, withoutPage } from "../support/surface/exceptions.ts";
import { pageSection } from "../support/surface/page-section.ts";
import {
  claimedNames,
  rpcNames,
  type SurfaceRow,
  surfaceRows,
  surfaceTable,
} from "../support/surface/surface.ts";

// `npm run surface` writes the three sections again. A person reviews the difference.
const update = process.env.UPDATE_SURFACE === "1";
const rows = await surfaceRows();

test("every RPC has a command and a page, or the reviewed list says why not", () => {
  const reason = "or a reason to test/support/surface/exceptions.ts";
  const command = `add the RPC to \`rpcs\` of a command in src/cli/commands, ${reason}`;
  const page = `add the RPC to \`rpcs\` of a page in console/src/pages.ts or console/src/account-pages.ts, ${reason}`;
  expect.soft(lacking("commands"), command).toEqual([]);
  expect.soft(lacking("pages"), page).toEqual([]);
});

test("no exception is out of date", () => {
  const list = "remove the line from test/support/surface/exceptions.ts";
  expect(
    rows.filter((row) => row.commands.length > 0 && row.noCommand).map(({ rpc }) => rpc),
    list,
  ).toEqual([]);
  expect(
    rows.filter((row) => row.pages.length > 0 && row.noPage).map(({ rpc }) => rpc),
    list,
  ).toEqual([]);
  const named = [...Object.keys(withoutCommand), ...Object.keys(withoutPage)];
  expect(
    named.filter((name) => !rpcNames().includes(name)),
    list,
  ).toEqual([]);
});

test("every RPC that a command or a page names exists", async () => {
  const known = rpcNames();
  const list = "correct these names in `rpcs` of a command in src/cli/commands, or of a page in console/src";
  expect(
    (await claimedNames()).filter((name) => !known.includes(name)),
    list,
  ).toEqual([]);
});

test("docs/surface.md has the table of all RPCs", () => {
  const help = "the first test of this file says where to add these RPCs; then run `npm run surface`";
  expect([...lacking("commands"), ...lacking("pages")], help).toEqual([]);
  expectSection("docs/surface.md", "## RPCs", surfaceTable(rows));
});

test("docs/cli.md has every command with its arguments and options", async () => {
  expectSection("docs/cli.md", "## Commands", await commandSection());
});

test("docs/console.md has every page of the console with its RPCs and pictures", async () => {
  expectSection("docs/console.md", "## Pages", await pageSection());
});

/** Returns the RPCs that no command or no page calls, if the reviewed list has no reason. */
function lacking(kind: "commands" | "pages"): string[] {
  const reasonOf = (row: SurfaceRow) => (kind === "commands" ? row.noCommand : row.noPage);
  return rows.filter((row) => row[kind].length === 0 && !reasonOf(row)).map(({ rpc }) => rpc);
}

/** Checks the last section of a page, or writes it. */
function expectSection(file: string, heading: string, content: string): void {
  const path = new URL(`../../${file}`, import.meta.url);
  const text = readFileSync(path, "utf8");
  const [before = ""] = text.split(`${heading}\n`);
  const wanted = `${before}${heading}\n\n${content}\n`;
  if (update) writeFileSync(path, wanted);
  else expect(text, `${file} differs: run \`npm run surface\`, and review the difference`).toBe(wanted);
}
