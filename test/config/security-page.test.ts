import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { partNames } from "../../attack/options.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Env } from "../../src/config/reader.ts";
import { defaultLimits } from "../../src/net/limits.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = (file: string) => readFileSync(join(root, file), "utf8");
const page = textOf("docs/security.md");

/** The rows of the tables in a section, each as its cells, without the rows of the header. */
function rowsIn(text: string, section: string): string[][] {
  const [, after = ""] = text.split(`\n## ${section}\n`);
  const [own = ""] = after.split("\n## ");
  const lines = own.split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) => line.split("|").slice(1, -1).map(plain));
}

const plain = (cell: string) => cell.replaceAll("`", "").trim();
const numberIn = (cell = "") => Number(cell.replaceAll(",", ""));
const sorted = (entries: (readonly unknown[])[]) =>
  entries.toSorted((a, b) => String(a).localeCompare(String(b)));

test("the security page has every limit of the port with its default", () => {
  const written = rowsIn(page, "Limits of the port").map(([name, value]) => [name, numberIn(value)]);
  const help = 'edit the table in section "Limits of the port" of docs/security.md';
  expect(sorted(written), help).toEqual(sorted(Object.entries(defaultLimits)));
});

test("the security page has every setting with the default that the README has", () => {
  const written = rowsIn(page, "Settings").map(([name, value]) => [name, value]);
  const readme = rowsIn(textOf("README.md"), "Settings").flatMap(([group = "", value = ""]) => {
    const [names, values] = [group.split(", "), value.split(", ")];
    return names.map((name, n) => [name, values.length === names.length ? values[n] : value]);
  });
  const help = 'edit the tables in section "Settings" of README.md and of docs/security.md';
  expect(sorted(written), help).toEqual(sorted(readme));
  const names = written.map(([name]) => name);
  expect(
    settings().filter((name) => !names.includes(name)),
    help,
  ).toEqual([]);
});

/** The names of all settings that the configuration reads. */
function settings(): string[] {
  const read = new Set<string>();
  const get = (_: Env, name: string) => void read.add(name);
  readConfig(new Proxy<Env>({}, { get }));
  return [...read];
}

test("the security page has every bound in the source with its value", () => {
  const bounds = sources().flatMap((file) => boundsIn(file, textOf(join("src", file))));
  expect(bounds.length).toBeGreaterThan(50);
  const written = rowsIn(page, "Bounds in the source").map(([name, file, value]) => [
    name,
    file,
    numberIn(value),
  ]);
  const help = 'edit the tables in section "Bounds in the source" of docs/security.md';
  expect(sorted(written), help).toEqual(sorted(bounds));
});

test("the tests, commands and pages that the security page names exist", () => {
  const files = [...page.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, file = ""]) => file);
  const pages = [...page.matchAll(/\]\(([\w./-]+\.md)/g)].map(([, file = ""]) => join("docs", file));
  const missing = [...files, ...pages].filter((file) => !existsSync(join(root, file)));
  expect(missing, "docs/security.md names these files: correct their names there").toEqual([]);
  const parts = [...page.matchAll(/npm run attack -- --parts ([\w,]+)/g)].flatMap(([, names = ""]) =>
    names.split(","),
  );
  expect(partNames, "docs/security.md names a part of `npm run attack` that does not exist").toEqual(
    expect.arrayContaining(parts),
  );
});

function sources(): string[] {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".ts"));
}

// Matches the names of constants that are bounds. Estimates of sizes (`bytesPer…`) are not bounds.
const boundName =
  /^(max|min)[A-Z]|^(?!bytes).*Per(Account|Address|Bearer|Credential|Email|Entry|Hour|Minute|Target|Task|User)$|[pP]oolSize$|Statements$|[tT]imeoutMs$/;
const constant = /^(?:export )?const (\w+) = ([\d_ *]*\d|\{ .*\d \});$/gm;

type Bound = [name: string, file: string, value: number];

function boundsIn(file: string, text: string): Bound[] {
  const found = [...text.matchAll(constant)].filter(([, name = ""]) => boundName.test(name));
  return found.flatMap(([, name = "", value = ""]): Bound[] => {
    if (!value.startsWith("{")) return [[name, file, product(value)]];
    return [...value.matchAll(/(\w+): ([\d_]+)/g)].map(([, part, one = ""]) => [
      `${name}.${part}`,
      file,
      product(one),
    ]);
  });
}

function product(text: string): number {
  return text.split("*").reduce((result, factor) => result * Number(factor.replaceAll("_", "")), 1);
}
