import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";

/** Starts a headless Chromium from `npm ci`. Each test unpacks its own copy. */
export async function launchBrowser(): Promise<{ browser: Browser; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-browser-"));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const executablePath = await unpackChromium(folder);
    const fonts = join(folder, "fonts.conf");
    writeFileSync(fonts, fontsConf(join(folder, "fonts"), join(folder, "font-cache")));
    // A bare Debian lacks NSS and Expat, so the package contains them.
    const libraries = [join(folder, "al2023", "lib"), process.env.LD_LIBRARY_PATH];
    const browser = await chromium.launch({
      executablePath,
      // These are not the arguments that the package recommends, because those turn CORS off.
      args: ["--no-sandbox", "--no-zygote", "--disable-gpu", "--no-pings", "--disable-domain-reliability"],
      env: {
        PATH: process.env.PATH ?? "",
        HOME: folder,
        TMPDIR: folder,
        FONTCONFIG_FILE: fonts,
        LD_LIBRARY_PATH: libraries.filter(Boolean).join(delimiter),
      },
    });
    return {
      browser,
      async close() {
        await browser.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

// The configuration of the package names fixed folders. There, Chromium finds no font, and so pages have no text.
function fontsConf(fonts: string, cache: string): string {
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${fonts}</dir><cachedir>${cache}</cachedir></fontconfig>`;
}

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

// The package unpacks to fixed names in the temporary directory. It unpacks its libraries only if it detects Amazon
// Linux, and it decides this at import.
async function unpackChromium(folder: string): Promise<string> {
  const { TMPDIR, LD_LIBRARY_PATH, FONTCONFIG_PATH, HOME, AWS_EXECUTION_ENV } = process.env;
  try {
    Object.assign(process.env, { TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" });
    const { default: packed } = await import("@sparticuz/chromium");
    const path = await packed.executablePath();
    if (!existsSync(join(folder, "al2023", "lib"))) throw new Error("Chromium came without its libraries");
    return path;
  } finally {
    const before = { TMPDIR, LD_LIBRARY_PATH, FONTCONFIG_PATH, HOME, AWS_EXECUTION_ENV };
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
