import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { cycles, filesIn, importsOf } from "./support/imports.ts";

const dist = join(import.meta.dirname, "..", "console", "dist");
const assets = join(dist, "assets");
const kilobyte = 1000;

/** The scripts that a script of the console loads before it runs, with itself. */
function closure(script: string, seen = new Set<string>()): Set<string> {
  if (seen.has(script)) return seen;
  seen.add(script);
  const text = readFileSync(join(assets, script), "utf8");
  for (const [, other = ""] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) closure(other, seen);
  return seen;
}

const sizes = new Map<string, { gzip: number; brotli: number }>();

// As the server compresses them (src/net/console/site-file.ts).
function sizeOf(script: string) {
  const bytes = readFileSync(join(assets, script));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 8 };
  const size = sizes.get(script) ?? {
    gzip: gzipSync(bytes).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
  sizes.set(script, size);
  return size;
}

const bytesOf = (scripts: Iterable<string>, encoding: "gzip" | "brotli") =>
  [...scripts].reduce((sum, script) => sum + sizeOf(script)[encoding], 0);

function firstLoad(): Set<string> {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const scripts = [...html.matchAll(/\/console\/assets\/([^"]+\.js)/g)].map(([, name = ""]) => name);
  return scripts.reduce((seen, script) => closure(script, seen), new Set<string>());
}

test("the first load of the console has at most 150 kB of JavaScript with gzip", () => {
  const first = firstLoad();
  expect(first.size).toBeGreaterThan(0);
  expect(bytesOf(first, "gzip")).toBeLessThan(150 * kilobyte);
});

// Browsers take brotli under HTTPS and from loopback, where the console works.
test("each page of the console, loaded first, has at most 150 kB of JavaScript with brotli", () => {
  const first = [...firstLoad()];
  const pages = readdirSync(assets).filter((name) => /-page-[\w-]+\.js$/.test(name));
  expect(pages.length).toBeGreaterThan(5);
  const loads = pages.map((page) => ({ page, bytes: bytesOf(closure(page, new Set(first)), "brotli") }));
  expect(loads.filter(({ bytes }) => bytes > 150 * kilobyte)).toEqual([]);
});

const sources = filesIn("console/src");
// Pure files of the server. The console judges permissions by the same rules.
const shared = ["src/domain/access/permission-grammar.ts"];
const packages =
  /^(react|react-dom\/client|wouter(\/memory-location)?|@tanstack\/react-query|@connectrpc\/connect(-web|-query)?|@bufbuild\/protobuf(\/wkt)?)$/;

test("the console imports only its own files, its generated code and packages of the browser", () => {
  const isAllowed = (target: string) =>
    target.startsWith("console/src/") ||
    target.startsWith("console/gen/") ||
    shared.includes(target) ||
    packages.test(target);
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => !isAllowed(target))
      .map(({ target }) => `${file} imports ${target}`),
  );
  expect(sources.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});

test("the parts of the console that pages share import no page", () => {
  const wrong = sources
    // The lists of pages, and the page for frames, which is the keys page alone.
    .filter((file) => !/^console\/src\/(pages\/|embed\/|\w+-pages\.ts|pages\.ts)/.test(file))
    .flatMap((file) => importsOf(file).map(({ target }) => `${file} imports ${target}`))
    .filter((line) => line.includes("imports console/src/pages/"));
  expect(wrong).toEqual([]);
});

test("no file of the console imports itself by way of others", () => {
  expect(cycles(sources)).toEqual([]);
});

test("no file of the console puts text into the page as markup, or evaluates it", () => {
  const sinks =
    /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/;
  const found = sources.filter((file) => sinks.test(readFileSync(join(dist, "..", "..", file), "utf8")));
  expect(found).toEqual([]);
});
