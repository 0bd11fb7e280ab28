import { isOpen } from "../fast-path/answer.ts";
import type { Endpoint, EndpointOptions } from "../http-json/endpoints.ts";
import { sendFile } from "../http-json/file-endpoint.ts";
import { sendAnswer } from "../http-json/send.ts";
import type { Request, Response } from "../request.ts";
import type { FairTurns } from "../turns.ts";
import type { OwnOrigin } from "./own-origin.ts";
import { consolePath, type Site } from "./site.ts";

/** What the endpoint of the console's files depends on. */
export interface SiteOptions {
  /** Returns the site, or undefined if this server was built without it. Called for the first request. */
  read(): Site | undefined;
  ownOrigin: OwnOrigin;
  turns: FairTurns;
}

const name = "console";

/** Creates the endpoint of all paths of the console. Its files are read for the first request. */
export function siteEndpoint(
  { read, ownOrigin, turns }: SiteOptions,
  { onOutcome, onBug, requestIdOf }: EndpointOptions,
): Endpoint {
  let site: Site | undefined;

  function answer(request: Request, response: Response, status: number, text: string, more = {}): void {
    onOutcome(request, name, status < 400 ? "ok" : "not_found");
    const headers = { ...common(request), "cache-control": "no-cache", ...more };
    sendAnswer(request, response, { status, headers, text });
  }

  function common(request: Request): Record<string, string> {
    return { "x-request-id": requestIdOf(request), ...strictTransport(ownOrigin(request)) };
  }

  async function sendOne(request: Request, response: Response, path: string): Promise<void> {
    site ??= read();
    if (!site) return answer(request, response, 404, notBuilt);
    const found = site(path);
    if (!found) return answer(request, response, 404, notFound);
    if ("redirect" in found) return answer(request, response, 308, "", { location: found.redirect });
    const body = await found.file.bodyFor(String(request.headers["accept-encoding"] ?? ""));
    if (!isOpen(response)) return;
    onOutcome(request, name, "ok");
    sendFile(request, response, common(request), body);
  }

  return {
    name,
    methods: ["GET"],
    turns,
    handle(request, response) {
      const [path = ""] = (request.url ?? "").split("?", 1);
      sendOne(request, response, path).catch((error: unknown) => {
        onBug(error);
        response.destroy();
      });
    },
  };
}

/** Returns whether a path is one of the console. */
export function isConsolePath(path: string): boolean {
  return path === consolePath || path.startsWith(`${consolePath}/`);
}

const notFound = `this server has no such page; the console is at ${consolePath}/\n`;
const notBuilt =
  "this server was built without the console; in a checkout, run `npm run console`, then restart the server\n";

const year = 31_536_000;
const loopback = /^https:\/\/(?:localhost|127\.|\[::1\])/;

// Browsers remember this for all ports of the host. On loopback, that would break servers of other programs.
function strictTransport(origin = ""): Record<string, string> {
  if (!origin.startsWith("https:") || loopback.test(origin)) return {};
  return { "strict-transport-security": `max-age=${year}` };
}
