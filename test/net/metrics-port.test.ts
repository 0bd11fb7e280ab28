import { expect, onTestFinished, test } from "vitest";
import { openMetricsPort } from "../../src/net/metrics-port.ts";
import { connectRaw } from "../support/net/net.ts";

test("the metrics port serves GET /metrics and refuses all other requests", async () => {
  const render = async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" });
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render });
  onTestFinished(() => port.close());
  const response = await fetch(port.url);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4");
  expect(await response.text()).toBe("up 1\n");
  expect((await fetch(port.url, { method: "POST" })).status).toBe(405);
  expect((await fetch(new URL("/", port.url))).status).toBe(404);
  await port.close();
  await expect(fetch(port.url)).rejects.toThrow();
});

test("the metrics port responds with status 500 if the metrics cannot be rendered", async () => {
  const render = () => Promise.reject(new Error("no metrics"));
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render });
  onTestFinished(() => port.close());
  expect((await fetch(port.url)).status).toBe(500);
});

test("the metrics port closes although a scrape is in progress", async () => {
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render: () => new Promise(() => {}) });
  const raw = await connectRaw(port.port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  await port.close();
  expect(await raw.closed).toBe("");
});
