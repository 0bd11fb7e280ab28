import type { DescMethod } from "@bufbuild/protobuf";
import { expect } from "vitest";
import type { TestApp } from "../app.ts";
import { openTestPort } from "./net.ts";

/** An answer as it came over HTTP. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body, where it is JSON. */
  json: Record<string, unknown>;
}

/** What is sent besides the path. A body that is no string or bytes is sent as JSON. */
export interface Sent {
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
}

/** Serves the app on a loopback port until the test ends. */
export async function serve(app: TestApp) {
  const port = await openTestPort({ handler: app.app.handler, plain: app.app.plain });

  async function get(path: string, sent: Omit<Sent, "body"> = {}): Promise<Answer> {
    return answerOf(await fetch(`${port.url}${path}`, { headers: headersOf(sent) }));
  }

  /** Calls a method as curl would: POST, and JSON unless the headers say otherwise. */
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

  return { ...port, get, post };
}

/** The Connect path of a method. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The violations in a Connect error, from the `debug` JSON that curl shows. */
export function violationsOf(answer: Answer): { field: string; description: string }[] {
  const bad = detailOf(answer, "google.rpc.BadRequest");
  const violations = (bad?.fieldViolations ?? []) as { field?: string; description?: string }[];
  return violations.map(({ field = "", description = "" }) => ({ field, description }));
}

/** The debug JSON of a detail of a Connect error. */
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
