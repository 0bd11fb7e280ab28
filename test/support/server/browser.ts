import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { build } from "vite";
import { inject } from "vitest";
import { root } from "../imports.ts";
import { type LaunchedBrowser, launchChromium, unpackChromium } from "./chromium.ts";
import { makeOnce } from "./once.ts";

// The program stays for later runs, because unpacking it takes 3 s of CPU time. `npm ci` removes it.
const cache = join(root, "node_modules", ".cache");
const packed = join(root, "node_modules", "@sparticuz", "chromium", "package.json");
const program = join(cache, `chromium-${JSON.parse(readFileSync(packed, "utf8")).version}`);

/** Unpacks Chromium, if no earlier run has done it. Then makes an empty file at `done`. */
async function keepProgram(done: string): Promise<void> {
  if (!existsSync(program)) {
    mkdirSync(cache, { recursive: true });
    const unpacked = `${program}-${process.pid}`;
    await unpackChromium(unpacked);
    try {
      renameSync(unpacked, program);
    } catch (error) {
      // Another run may have done it meanwhile.
      if (!existsSync(program)) throw error;
      rmSync(unpacked, { recursive: true });
    }
  }
  writeFileSync(done, "");
}

/** Starts a headless Chromium in a test. */
export async function launchBrowser(): Promise<LaunchedBrowser> {
  await makeOnce("chromium", keepProgram);
  return launchChromium(program, inject("runDirectory"));
}

/**
 * Starts a headless Chromium for all files of a worker. It ends with the process, because its pipe then ends. So the process
 * keeps no listener of Playwright, which a file would seem to have left behind.
 */
export async function launchWorkerBrowser(): Promise<LaunchedBrowser> {
  const listeners = () =>
    ends.flatMap((event) => process.rawListeners(event).map((one) => [event, one] as const));
  const before = new Set(listeners().map(([, listener]) => listener));
  const launched = await launchBrowser();
  for (const [event, listener] of listeners()) {
    if (!before.has(listener)) process.off(event, listener as () => void);
  }
  return launched;
}

const ends = ["exit", "SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Serves an empty page with this script on its own origin. */
export async function servePage(script: string): Promise<{ origin: string; close(): void }> {
  const bundle = await bundleOf(script);
  const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`;
  const server = createServer((request, response) => {
    const [type, body] = request.url === "/page.js" ? ["text/javascript", bundle] : ["text/html", html];
    response.writeHead(200, { "content-type": type }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the page has no port");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function bundleOf(script: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: false, lib: { entry: script, formats: ["es"], fileName: "page" } },
  });
  const [bundle] = Array.isArray(built) ? built : [];
  const [chunk] = bundle?.output ?? [];
  if (chunk?.type !== "chunk") throw new Error("the page was not bundled");
  return chunk.code;
}
