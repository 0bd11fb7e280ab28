import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

// These are not the arguments that the package recommends, because those turn CORS off.
const args = [
  "--no-sandbox",
  "--no-zygote",
  "--disable-gpu",
  // The process that draws the pages is then a thread of the browser, so it costs no process and no messages between two.
  "--in-process-gpu",
  "--no-pings",
  "--disable-domain-reliability",
  // The page of a test lives for a second, so to optimise its code costs more than it saves. With room for its objects, fewer
  // are copied by the garbage collection.
  "--js-flags=--no-maglev,--no-opt,--min-semi-space-size=16",
];

/** A browser that its owner closes. */
export interface LaunchedBrowser {
  browser: Browser;
  close(): Promise<void>;
}

/** Starts a headless Chromium that `unpackChromium` unpacked. Its files are in a new folder of `parent`. */
export async function launchChromium(program: string, parent = tmpdir()): Promise<LaunchedBrowser> {
  const home = mkdtempSync(join(parent, "latchkey-browser-"));
  const remove = () => rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  try {
    const fonts = join(home, "fonts.conf");
    writeFileSync(fonts, fontsConf(join(program, "fonts"), join(program, "font-cache")));
    // A bare Debian lacks NSS and Expat, so the package contains them.
    const libraries = [join(program, "al2023", "lib"), process.env.LD_LIBRARY_PATH];
    const browser = await chromium.launch({
      executablePath: join(program, "chromium"),
      args,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: home,
        TMPDIR: home,
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

/**
 * Unpacks the Chromium of `npm ci` into a new folder. The package unpacks to fixed names in the temporary directory. It
 * unpacks its libraries only if it detects Amazon Linux, and it decides this at import.
 */
export async function unpackChromium(folder: string): Promise<void> {
  mkdirSync(folder);
  const { TMPDIR, LD_LIBRARY_PATH, FONTCONFIG_PATH, HOME, AWS_EXECUTION_ENV } = process.env;
  try {
    Object.assign(process.env, { TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" });
    const { default: packed } = await import("@sparticuz/chromium");
    await packed.executablePath();
    for (const part of ["chromium", join("al2023", "lib")])
      if (!existsSync(join(folder, part))) throw new Error(`Chromium came without ${part}`);
  } finally {
    const before = { TMPDIR, LD_LIBRARY_PATH, FONTCONFIG_PATH, HOME, AWS_EXECUTION_ENV };
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
