import type { Handler } from "../../../src/net/request.ts";

/** The path of an empty page, which clears the storage of its origin. */
export const blankPath = "/blank-page-of-tests";

// With the policy of the console for openers, the browser keeps the process of the tab.
const headers = [
  ["content-type", "text/html"],
  ["cross-origin-opener-policy", "same-origin"],
] as const;
const html = `<!doctype html><title>Blank</title><link rel="icon" href="data:,">
<script>localStorage.clear(); sessionStorage.clear()</script>`;

/** Adds the empty page to a handler. */
export function withBlankPage(handler: Handler): Handler {
  return (request, response) => {
    if (request.url !== blankPath) return handler(request, response);
    response.statusCode = 200;
    for (const [name, value] of headers) response.setHeader(name, value);
    response.end(html);
  };
}
