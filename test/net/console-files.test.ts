import { brotliDecompressSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { createOwnOrigin } from "../../src/net/console/own-origin.ts";
import { createSite } from "../../src/net/console/site.ts";
import { siteEndpoint } from "../../src/net/console/site-endpoint.ts";
import { withEndpoints } from "../../src/net/http-json/endpoints.ts";
import type { Request, Response } from "../../src/net/request.ts";
import { createFairTurns } from "../../src/net/turns.ts";
import { sendRaw } from "../support/http-json/raw.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";

const script = `export const x = ${JSON.stringify("x".repeat(5_000))};`;
const files = new Map(
  Object.entries({
    "index.html": "<!doctype html><html><head><title>Latchkey</title></head></html>",
    "embed.html": "<!doctype html><html><head><title>Embedded</title></head></html>",
    "assets/main-1a2b3c.js": script,
    "assets/logo-1a2b3c.png": "PNG",
    "robots.txt": "User-agent: *",
  }).map(([name, text]) => [name, Buffer.from(text)]),
);

interface Options {
  embedOrigins?: string[];
  built?: boolean;
  publicUrl?: string;
  tls?: { cert: Buffer; key: Buffer };
}

async function openSite(
  { embedOrigins = [], built = true, publicUrl, tls }: Options = {},
  version: 1 | 2 = 1,
) {
  const bugs: unknown[] = [];
  onTestFinished(() => expect(bugs).toEqual([]));
  const options = {
    clientOf: () => "",
    requestIdOf: () => "id",
    onOutcome() {},
    onBug: (error: unknown) => bugs.push(error),
  };
  const endpoint = siteEndpoint(
    {
      read: () => (built ? createSite(files, embedOrigins) : undefined),
      ownOrigin: createOwnOrigin({ publicUrl, trustedProxies: [] }),
      turns: createFairTurns(0),
    },
    options,
  );
  const next = (_: Request, response: Response) => {
    response.writeHead(418, {});
    response.end();
  };
  const table = { get: (path: string) => (path.startsWith("/console") ? endpoint : undefined) };
  const { handler, plain } = withEndpoints(table, options, {
    handler: next,
    plain: { accepts: () => false, handler: next },
  });
  const port = await openTestPort({ handler, plain, ...(tls && { tls }) });
  return {
    url: port.url,
    get: (path: string, headers: Record<string, string> = {}, method = "GET") =>
      sendRaw(port.url, version, { method, path, headers }),
  };
}

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

describe.each([1, 2] as const)("over HTTP/%i", (version) => {
  test("every page of the console is one document, which no other page can frame and no script can be added to", async () => {
    const { get } = await openSite({}, version);
    for (const path of ["/console/", "/console/keys", "/console/keys/key_01/usage", "/console/?x=1"]) {
      const { status, headers, bytes } = await get(path);
      expect([status, bytes.toString()], path).toEqual([200, files.get("index.html")?.toString()]);
      expect(headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-cache",
        "x-request-id": "id",
      });
      expect(headers).not.toHaveProperty("strict-transport-security");
      expect(headers).not.toHaveProperty("set-cookie");
    }
  });

  test("files with a hash in their name are kept for ever, and are compressed as the browser accepts", async () => {
    const { get } = await openSite({}, version);
    const path = "/console/assets/main-1a2b3c.js";
    const [plain, gzip, brotli, refusing] = [
      await get(path),
      await get(path, { "accept-encoding": "gzip, deflate" }),
      await get(path, { "accept-encoding": "gzip, deflate, br" }),
      await get(path, { "accept-encoding": "br;q=0, gzip;q=0" }),
    ];
    for (const { headers } of [plain, gzip, brotli]) {
      expect(headers).toMatchObject({
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        vary: "Origin, Accept-Encoding",
      });
    }
    expect([plain.bytes.toString(), refusing.bytes.toString()]).toEqual([script, script]);
    expect(gunzipSync(gzip.bytes).toString()).toBe(script);
    expect(brotliDecompressSync(brotli.bytes).toString()).toBe(script);
    expect(new Set([plain, gzip, brotli].map(({ headers }) => headers.etag)).size).toBe(3);
    const known = await get(path, {
      "accept-encoding": "br",
      "if-none-match": `W/${brotli.headers.etag}`,
    });
    expect([known.status, known.bytes.length]).toEqual([304, 0]);
    const image = await get("/console/assets/logo-1a2b3c.png", { "accept-encoding": "br" });
    expect(image.headers).not.toHaveProperty("content-encoding");
  });

  test("HEAD has the headers of GET, and no other method is accepted", async () => {
    const { get } = await openSite({}, version);
    const head = await get("/console/", {}, "HEAD");
    expect([head.status, head.headers["content-security-policy"], head.bytes.length]).toEqual([
      200,
      policy,
      0,
    ]);
    for (const method of ["POST", "PUT", "DELETE"])
      expect((await get("/console/", {}, method)).status).toBe(405);
  });
});

test("/console leads to /console/, and what was in the query is gone", async () => {
  const { get } = await openSite();
  const { status, headers } = await get("/console?token=x");
  expect([status, headers.location]).toEqual([308, "/console/"]);
});

test.each([
  "/console/assets/",
  "/console/assets/missing.js",
  "/console/assets/../index.html",
  "/console/index.html",
  "/console/embed.html",
  "/console/keys.map",
  "/console/../../package.json",
  "/console/..%2f..%2fpackage.json",
  "/console/.env",
  "/console/embed",
  "/console/embed/x",
])("%s is not found", async (path) => {
  const { get } = await openSite();
  const { status, headers, bytes } = await get(path);
  expect([status, headers["content-type"]]).toEqual([404, "text/plain; charset=utf-8"]);
  expect(bytes.toString()).toContain("/console/");
});

test("a server without the built console says how to build it", async () => {
  const { get } = await openSite({ built: false });
  const { status, bytes } = await get("/console/");
  expect([status, bytes.toString()]).toEqual([404, expect.stringContaining("npm run console")]);
});

test("the embedded page exists only with LATCHKEY_EMBED_ORIGINS, and only these origins can frame it", async () => {
  const origins = ["https://app.example", "http://127.0.0.1:3000"];
  const { get } = await openSite({ embedOrigins: origins });
  const { status, headers, bytes } = await get("/console/embed");
  expect(status).toBe(200);
  expect(headers["content-security-policy"]).toBe(
    policy.replace("frame-ancestors 'none'", `frame-ancestors ${origins.join(" ")}`),
  );
  expect(headers).not.toHaveProperty("x-frame-options");
  expect(bytes.toString()).toContain(
    '<head><meta name="latchkey-embed-origins" content="https://app.example http://127.0.0.1:3000">',
  );
  const page = await get("/console/");
  expect(page.headers).toMatchObject({ "x-frame-options": "DENY", "content-security-policy": policy });
});

test("HTTPS lasts: with TLS or a public URL of https, and never for a loopback host", async () => {
  const tls = selfSigned();
  const own = await openSite({ tls });
  const { request } = await import("node:https");
  const header = await new Promise((resolve, reject) => {
    const sent = request(`${own.url}/console/`, {
      rejectUnauthorized: false,
      headers: { host: "keys.example" },
    });
    sent.on("response", (response) => resolve(response.headers["strict-transport-security"]));
    sent.on("error", reject).end();
  });
  expect(header).toBe("max-age=31536000");
  const hstsOf = async (publicUrl: string) =>
    (await (await openSite({ publicUrl })).get("/console/")).headers["strict-transport-security"];
  expect(await hstsOf("https://keys.example")).toBe("max-age=31536000");
  expect(await hstsOf("http://keys.example")).toBeUndefined();
  expect(await hstsOf("https://localhost:8443")).toBeUndefined();
});

test("no path leads to a document other than the page, whatever it contains", async () => {
  const site = createSite(files, []);
  const part = fc.constantFrom(
    "console",
    "assets",
    "embed",
    "..",
    ".",
    "",
    "index.html",
    "embed.html",
    "keys",
    "%2e",
  );
  const page = site("/console/");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const found = site(`/${parts.join("/")}`);
      if (found && "file" in found) expect(found).toEqual(page);
    }),
  );
});
