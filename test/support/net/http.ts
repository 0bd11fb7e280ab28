import type { DescMethod } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { SharedApp } from "../app.ts";
import type { PlainRequest } from "../http-json/request.ts";
import { openTestPort } from "./net.ts";

/** An HTTP response with its body. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body if it is JSON, otherwise an empty object. */
  json: Record<string, unknown>;
}

/** The parts of a request besides the path. A body that is neither a string nor bytes is sent as JSON. */
export interface Sent {
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
}

/** Serves the app on a loopback port until the test ends. */
export async function serve(app: SharedApp) {
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain });

  async function get(path: string, sent: Omit<Sent, "body"> = {}): Promise<Answer> {
    return answerOf(await fetch(`${port.url}${path}`, { headers: headersOf(sent) }));
  }

  /** Calls a method as curl does: by POST, and with JSON unless the headers set another content type. */
  async function post(method: DescMethod, { body = {}, ...sent }: Sent = {}): Promise<Answer> {
    const bytes =
      body instanceof Uint8Array
        ? new Uint8Array(body)
        : typeof body === "string"
          ? body
          : JSON.stringify(body);
    const headers = { "content-type": "application/json", ...headersOf(sent) };
    const url = `${port.url}${pathOf(method)}`;
    return answerOf(await fetch(url, { method: "POST", headers, body: bytes }));
  }

  /** Sends a request of plain HTTP. Its body, if there is one, is JSON unless the headers set another content type. */
  async function send({ method, path, body }: PlainRequest, sent: Omit<Sent, "body"> = {}): Promise<Answer> {
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const headers = { ...type, ...headersOf(sent) };
    return answerOf(
      await fetch(`${port.url}${path}`, { method, headers, ...(body !== undefined && { body }) }),
    );
  }

  return { ...port, get, post, send };
}

/** Returns the Connect path of a method. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Returns the violations in a Connect error, from the `debug` JSON of its details. */
export function violationsOf(answer: Answer): { field: string; description: string }[] {
  const bad = detailOf(answer, "google.rpc.BadRequest");
  const violations = (bad?.fieldViolations ?? []) as { field?: string; description?: string }[];
  return violations.map(({ field = "", description = "" }) => ({ field, description }));
}

/** Returns the `debug` JSON of one detail of a Connect error, or undefined if the error has no such detail. */
export function detailOf(answer: Answer, type: string): Record<string, unknown> | undefined {
  expect(answer.headers.get("content-type")).toBe("application/json");
  const details = (answer.json.details ?? []) as { type: string; debug?: Record<string, unknown> }[];
  return details.find((detail) => detail.type === type)?.debug;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text, json };
}

function headersOf({ token, headers }: Sent): Record<string, string> {
  return { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
}
