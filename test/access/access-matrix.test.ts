import { readFileSync, writeFileSync } from "node:fs";
import type { Message } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newScene } from "../support/actors/access-scene.ts";
import { call } from "../support/actors/call.ts";
import { sampled } from "../support/random.ts";
import { type PrincipalName, principals, rows, type Scene, wordOf } from "../support/schema/access.ts";
import { isRead } from "../support/schema/requests.ts";
import { useSharedApp } from "../support/shared-app.ts";

// `npm run access` writes the table as the server behaves. A person reviews the difference.
const update = process.env.UPDATE_ACCESS === "1";
const renew = "docs/access.md differs. Run `npm run access`, and review each cell that it changes";
const describeIt =
  "docs/access.md differs. Edit its table of principals: `npm run access` writes only the table of RPCs";
const page = new URL("../../docs/access.md", import.meta.url);
const columns = Object.keys(principals) as PrincipalName[];
const [header = [], ...written] = parse(readFileSync(page, "utf8"));
const found = new Map<string, string[]>();

const app = useSharedApp();
let scene: Scene;
beforeAll(async () => {
  scene = await newScene(app);
});
afterAll(() => {
  if (update && found.size === rows.length) writeFileSync(page, withTable(readFileSync(page, "utf8")));
});

test("the table has a column for every kind of principal, and the page describes each", () => {
  if (update) return;
  expect(header, renew).toEqual(["RPC", ...columns]);
  const text = readFileSync(page, "utf8");
  for (const [name, description] of Object.entries(principals))
    expect(text, describeIt).toContain(`| ${name} | ${description} |`);
});

test("the table has a row for every RPC of the schema, and no other", () => {
  if (update) return;
  expect(
    written.map(([name]) => name),
    renew,
  ).toEqual(rows.map((row) => row.name));
});

// In `npm test`, these principals make each call, with one principal of each further outcome and another one by the seed. A
// weaker permission of an RPC would change the outcome of one of them.
const always: PrincipalName[] = [
  "no bearer",
  "stranger",
  "bare",
  "viewer",
  "developer",
  "owner",
  "app *:write",
];

test.each(rows.map((row, at) => [row.name, row, at] as const))(
  "%s: every principal gets the outcome in the table",
  async (name, row, at) => {
    const [, ...expected] = written.find((cells) => cells[0] === name) ?? [];
    const callers = update ? columns : callersOf(named(expected), at);
    const outcomes: string[] = [];
    // A request of which no caller has changed anything.
    let unused: Message | undefined;
    for (const column of callers) {
      const by = { ...(await scene.bearer(column, row.ends)), name: column };
      const request = unused ?? (await row.request(scene, by));
      const word = await wordOf(call(by, row.method, request));
      unused = row.shared && (word !== "yes" || isRead(row.method)) ? request : undefined;
      outcomes.push(word);
    }
    found.set(name, outcomes);
    if (update) return;
    const inTable = callers.map((column) => named(expected)[column]);
    expect(named(outcomes, callers), renew).toEqual(named(inTable, callers));
  },
);

/** Returns the principals that make a call in this run, in the order of the columns. */
function callersOf(expected: Record<string, string | undefined>, salt: number): readonly PrincipalName[] {
  const others = columns.filter((column) => !always.includes(column));
  const seen = new Set(always.map((column) => expected[column]));
  const chosen = [...always, ...sampled(others, 1, salt)];
  for (const outcome of new Set(Object.values(expected))) {
    const alike = others.filter((column) => expected[column] === outcome);
    if (!seen.has(outcome)) chosen.push(...sampled(alike, 1, salt));
  }
  return columns.filter((column) => chosen.includes(column));
}

function named(
  cells: (string | undefined)[],
  of: readonly PrincipalName[] = columns,
): Record<string, string | undefined> {
  return Object.fromEntries(of.map((column, index) => [column, cells[index]]));
}

/** The cells of the table, line by line, its header first. */
function parse(text: string): string[][] {
  const table = text.split("\n").filter((line) => line.startsWith("| "));
  const start = table.findIndex((line) => line.startsWith("| RPC "));
  const lines = start < 0 ? [] : table.slice(start);
  return lines
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    )
    .filter(([first]) => !/^-+$/.test(first ?? ""));
}

function withTable(text: string): string {
  const lines = [
    ["RPC", ...columns],
    ...rows.map((row) => [`\`${row.name}\``, ...(found.get(row.name) ?? [])]),
  ];
  const widths = ["RPC", ...columns].map((_, at) =>
    Math.max(...lines.map((cells) => cells[at]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [first = [], ...rest] = lines;
  const table = [
    line(first),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...rest.map(line),
  ];
  return `${text.slice(0, text.indexOf("| RPC "))}${table.join("\n")}\n`;
}
