import { extname } from "node:path";
import { createSiteFile, type SiteFile } from "./site-file.ts";

/** The built files of the console: paths below `/console/`, such as `assets/main-1a2b.js`, with their bytes. */
export type BuiltFiles = ReadonlyMap<string, Buffer>;

/** What a path of the console leads to: a file, another path, or nothing. */
export type Found = { file: SiteFile } | { redirect: string } | undefined;

/** Finds what a path leads to. It never reads a file by the name in a request. */
export type Site = (path: string) => Found;

/** The path of the console. */
export const consolePath = "/console";
const embedPath = `${consolePath}/embed`;

const types: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/**
 * Creates the site of the console. The paths of its pages have no file extension, and all lead to one document. Files with a
 * hash in their name never change. Other origins may show the embedded page in a frame, if there are any.
 */
export function createSite(files: BuiltFiles, embedOrigins: readonly string[]): Site {
  const page = documentOf(files.get("index.html"), { ...securityHeaders("'none'"), ...noFrame });
  const embed =
    embedOrigins.length === 0
      ? undefined
      : documentOf(
          withOrigins(files.get("embed.html"), embedOrigins),
          securityHeaders(embedOrigins.join(" ")),
        );
  const assets = new Map(
    [...files]
      .filter(([name]) => extname(name) !== ".html")
      .map(([name, bytes]) => [`${consolePath}/${name}`, createSiteFile(bytes, assetHeaders(name))]),
  );
  const fileOf = (file: SiteFile | undefined): Found => file && { file };
  return (path) => {
    if (path === consolePath) return { redirect: `${consolePath}/` };
    if (path === embedPath) return fileOf(embed);
    if (!path.startsWith(`${consolePath}/`) || path.startsWith(`${embedPath}/`)) return undefined;
    return fileOf(assets.get(path) ?? (hasExtension(path) ? undefined : page));
  };
}

function hasExtension(path: string): boolean {
  return path.startsWith(`${consolePath}/assets/`) || path.slice(path.lastIndexOf("/")).includes(".");
}

function assetHeaders(name: string): Record<string, string> {
  const isHashed = name.startsWith("assets/");
  return {
    ...noSniffing,
    "content-type": types[extname(name)] ?? "application/octet-stream",
    "cache-control": isHashed ? "public, max-age=31536000, immutable" : "no-cache",
  };
}

function documentOf(html: Buffer | undefined, headers: Record<string, string>): SiteFile | undefined {
  if (!html) return undefined;
  return createSiteFile(html, {
    ...noSniffing,
    ...headers,
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
  });
}

const noSniffing = { "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin" };
const noFrame = { "x-frame-options": "DENY" };

// No inline script or style, no other origin, no string that becomes a script.
function securityHeaders(frameAncestors: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  };
}

// The page reads from this element the origins of the parent pages that may pass it a token.
function withOrigins(html: Buffer | undefined, origins: readonly string[]): Buffer | undefined {
  const content = origins.join(" ").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const tag = `<meta name="latchkey-embed-origins" content="${content}">`;
  return html && Buffer.from(html.toString().replace("<head>", () => `<head>${tag}`));
}
