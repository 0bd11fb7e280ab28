import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { BrowserContext } from "playwright-core";

const dist = join(import.meta.dirname, "..", "..", "..", "console", "dist");
const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
};
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** Serves console/dist to a context, if the server itself does not. */
export async function serveBuiltFiles(context: BrowserContext, url: string): Promise<void> {
  const served = await fetch(`${url}/console/`);
  if (served.ok) return;
  await context.route(`${url}/console/**`, (route) => {
    const path = new URL(route.request().url()).pathname.slice("/console/".length);
    const file = extname(path) === "" ? "index.html" : path;
    const contentType = types[extname(file)] ?? "application/octet-stream";
    const headers = { "content-security-policy": policy };
    return route.fulfill({ body: readFileSync(join(dist, file)), contentType, headers });
  });
}
