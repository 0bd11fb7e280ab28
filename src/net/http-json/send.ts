import type { Request, Response } from "../request.ts";

/** A complete response of an endpoint. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** The body, in UTF-8. Its type is plain text unless the headers set another one. */
  text?: string;
}

// Responses of these methods and statuses never have a body (RFC 9110, sections 6.4.1 and 9.3.2).
const noContent = 204;

/** Sends a complete response over either HTTP version. The response to HEAD has the headers of GET, and no body. */
export function sendAnswer(
  { method }: Request,
  response: Response,
  { status, headers = {}, text = "" }: Answer,
): void {
  if (status === noContent) response.writeHead(status, headers);
  else {
    const type = text === "" ? {} : { "content-type": "text/plain; charset=utf-8" };
    response.writeHead(status, { ...type, "content-length": String(Buffer.byteLength(text)), ...headers });
  }
  if (text === "" || method === "HEAD" || status === noContent) response.end();
  else response.end(text);
}
