import type { Request, Response } from "./request.ts";

/** Answers the probes of load balancers and orchestrators. Returns false for every other request. */
export type Probes = (request: Request, response: Response) => boolean;

/** The answer to a probe. */
export interface ProbeAnswer {
  status: number;
  body: string;
}

const alive: ProbeAnswer = { status: 200, body: "ok\n" };
const ready: ProbeAnswer = { status: 200, body: "ready\n" };
const notReady: ProbeAnswer = {
  status: 503,
  body: "not ready: the server starts or stops, or cannot reach its database\n",
};
const wrongMethod: ProbeAnswer = { status: 405, body: "use GET or HEAD\n" };

/**
 * Creates the answers to `/healthz` (the process runs) and `/readyz` (`isReady` returns true). They are plain text, and a
 * request needs neither a host nor a credential. `OPTIONS /` is answered like `/readyz`, because HAProxy sends it by default.
 */
export function createProbes(isReady: () => boolean): Probes {
  return (request, response) => {
    const answer = probeAnswer(request.method, request.url, isReady);
    if (!answer || isPreflight(request)) return false;
    const { status, body } = answer;
    const allow = status === 405 ? { allow: "GET, HEAD" } : {};
    response.writeHead(status, { ...probeHeaders(body), ...allow });
    if (request.method === "HEAD") response.end();
    else response.end(body);
    return true;
  };
}

/** Returns the answer to a method and path, or undefined if they are no probe. */
export function probeAnswer(method = "", url = "", isReady: () => boolean): ProbeAnswer | undefined {
  // Most requests leave here, without a copy of their path.
  if (method !== "OPTIONS" && !url.startsWith("/healthz") && !url.startsWith("/readyz")) return undefined;
  const path = url.split("?", 1)[0];
  const isDefaultCheck = method === "OPTIONS" && path === "/";
  if (path !== "/healthz" && path !== "/readyz" && !isDefaultCheck) return undefined;
  if (!isDefaultCheck && method !== "GET" && method !== "HEAD") return wrongMethod;
  if (path === "/healthz") return alive;
  return isReady() ? ready : notReady;
}

/** Returns the headers of the answer to a probe. */
export function probeHeaders(body: string): Record<string, string> {
  return {
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    "cache-control": "no-store",
  };
}

function isPreflight({ headers }: Request): boolean {
  return headers["access-control-request-method"] !== undefined;
}
