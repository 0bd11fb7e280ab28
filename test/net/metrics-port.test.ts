import { expect, onTestFinished, test } from "vitest";
import { openMetricsPort } from "../../src/net/metrics-port.ts";
import { connectRaw } from "../support/net/net.ts";

test("the metrics port answers GET /metrics, and nothing else", async () => {
  const render = async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" });
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render });
  onTestFinished(() => port.close());
  const answer = await fetch(port.url);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4");
  expect(await answer.text()).toBe("up 1\n");
  expect((await fetch(port.url, { method: "POST" })).status).toBe(405);
  expect((await fetch(new URL("/", port.url))).status).toBe(404);
  await port.close();
  await expect(fetch(port.url)).rejects.toThrow();
});

test("a failure to render metrics is a 500, not a crash", async () => {
  const render = () => Promise.reject(new Error("no figures"));
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render });
  onTestFinished(() => port.close());
  expect((await fetch(port.url)).status).toBe(500);
});

test("the metrics port closes under a scrape that never ends", async () => {
  const port = await openMetricsPort({ host: "127.0.0.1", port: 0, render: () => new Promise(() => {}) });
  const raw = await connectRaw(port.port, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  await port.close();
  expect(await raw.closed).toBe("");
});
