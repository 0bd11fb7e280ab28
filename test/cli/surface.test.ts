import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commandSection } from "../support/surface/command-pages.ts";
import { withoutCommand, withoutPage } from "../support/surface/exceptions.ts";
import { claimedNames, rpcNames, surfaceRows, surfaceTable } from "../support/surface/surface.ts";

// `npm run surface` writes both pages again. A person reviews the difference.
const update = process.env.UPDATE_SURFACE === "1";
const help = "run `npm run surface`, and review the difference";
const rows = await surfaceRows();

test("every RPC has a command and a page, or the reviewed list says why not", () => {
  const list = "add a command or a page, or a reason to test/support/surface/exceptions.ts";
  const lacks = (found: string[], reason: string | undefined) => found.length === 0 && reason === undefined;
  expect(
    rows.filter((row) => lacks(row.commands, row.noCommand)).map(({ rpc }) => rpc),
    list,
  ).toEqual([]);
  expect(
    rows.filter((row) => lacks(row.pages, row.noPage)).map(({ rpc }) => rpc),
    list,
  ).toEqual([]);
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
  expect((await claimedNames()).filter((name) => !known.includes(name))).toEqual([]);
});

test("docs/surface.md has the table of all RPCs", () => {
  expectSection("docs/surface.md", "## RPCs", surfaceTable(rows));
});

test("docs/cli.md has every command with its arguments and options", async () => {
  expectSection("docs/cli.md", "## Commands", await commandSection());
});

/** Checks the last section of a page, or writes it. */
function expectSection(file: string, heading: string, content: string): void {
  const path = new URL(`../../${file}`, import.meta.url);
  const text = readFileSync(path, "utf8");
  const [before = ""] = text.split(`${heading}\n`);
  const wanted = `${before}${heading}\n\n${content}\n`;
  if (update) writeFileSync(path, wanted);
  else expect(text, help).toBe(wanted);
}
