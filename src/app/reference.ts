import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Endpoint, EndpointOptions } from "../net/http-json/endpoints.ts";
import { fileEndpoint, type PublicFile } from "../net/http-json/file-endpoint.ts";
import type { FairTurns } from "../net/turns.ts";

/** Returns the endpoints of the reference of HTTP/JSON, by their paths: the OpenAPI document, and a page for people. */
export function referenceEndpoints(turns: FairTurns, options: EndpointOptions): [string, Endpoint][] {
  return [
    ["/openapi.json", fileEndpoint("openapi", openApi, turns, options)],
    ["/docs", fileEndpoint("docs", page, turns, options)],
  ];
}

const noSniffing = { "x-content-type-options": "nosniff" };

function openApi(): PublicFile {
  return { bytes: generated("openapi.json"), headers: { ...noSniffing, "content-type": "application/json" } };
}

function page(): PublicFile {
  const bytes = generated("openapi.html");
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(bytes.toString()) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${hash}'`,
    // The icon, which is empty.
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  const headers = {
    ...noSniffing,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
  };
  return { bytes, headers };
}

// The files are in gen/ of the repository, and in dist/gen/ of the package.
function generated(name: string): Buffer {
  return readFileSync(new URL(`../../gen/${name}`, import.meta.url));
}
