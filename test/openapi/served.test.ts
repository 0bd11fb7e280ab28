import { connect } from "node:http2";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { textOf } from "../support/imports.ts";
import { serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test.each([
  ["/openapi.json", "gen/openapi.json", "application/json"],
  ["/docs", "gen/openapi.html", "text/html; charset=utf-8"],
])("GET %s answers %s without a bearer", async (path, file, type) => {
  const { get } = await serve(app);
  const { status, headers, text } = await get(path);
  expect([status, headers.get("content-type")]).toEqual([200, type]);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(text).toBe(textOf(file));
});

test("a client that has the document gets 304 without a body, and a client of an older one gets the document", async () => {
  const { get } = await serve(app);
  const first = await get("/openapi.json");
  const etag = first.headers.get("etag") ?? "";
  for (const known of [etag, `"older", ${etag}`, `W/${etag}`, "*"]) {
    const again = await get("/openapi.json", { headers: { "if-none-match": known } });
    expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
  }
  const newer = await get("/openapi.json", { headers: { "if-none-match": '"older"' } });
  expect(newer.status).toBe(200);
});

test("the document is compressed only for clients that accept it, with an etag of its own", async () => {
  const { get } = await serve(app);
  const plain = await get("/docs", { headers: { "accept-encoding": "identity, gzip;q=0" } });
  const zipped = await get("/docs", { headers: { "accept-encoding": "gzip" } });
  expect(plain.headers.get("content-encoding")).toBe(null);
  expect(zipped.headers.get("content-encoding")).toBe("gzip");
  expect(zipped.headers.get("vary")).toContain("Accept-Encoding");
  expect(zipped.text).toBe(plain.text);
  expect(Number(zipped.headers.get("content-length"))).toBeLessThan(plain.text.length / 5);
  expect(zipped.headers.get("etag")).not.toBe(plain.headers.get("etag"));
});

test("HEAD has the headers of GET, and other methods get 405 with Allow", async () => {
  const { url } = await serve(app);
  const head = await fetch(`${url}/openapi.json`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect(Number(head.headers.get("content-length"))).toBeGreaterThan(1_000);
  const post = await fetch(`${url}/openapi.json`, { method: "POST", body: "{}" });
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
});

test("the document is also served over HTTP/2", async () => {
  const { url } = await serve(app);
  const session = connect(url);
  try {
    const stream = session.request({ ":path": "/openapi.json" });
    expect(await text(stream)).toBe(textOf("gen/openapi.json"));
  } finally {
    session.close();
  }
});
