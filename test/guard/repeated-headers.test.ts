import { createServer as createHttp1Server, request as httpRequest } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { PromptService } from "../../examples/prompts-api/gen/prompts_pb.ts";
import { latchkey as connectGate } from "../../src/guard/connect.ts";
import { latchkey as protect } from "../../src/guard/fetch.ts";
import { latchkey as honoGate } from "../../src/guard/hono.ts";
import { accepted, createFakeGuard } from "../support/guard/fake-guard.ts";
import { serveGrpc } from "../support/guard/grpc-service.ts";
import { opening, requestOf } from "../support/net/http2-frames.ts";

const { listPrompts } = PromptService.method;
const path = `/${PromptService.typeName}/${listPrompts.name}`;
const options = { optional: true };
const newGuard = () => createFakeGuard({ key: accepted() });
type FakeGuard = ReturnType<typeof newGuard>;

// Several headers of one name, as Bun, Deno and the servers of Hono pass them on.
function requestWith(...tokens: string[]): Request {
  const headers = new Headers();
  for (const token of tokens) headers.append("authorization", `Bearer ${token}`);
  return new Request("http://localhost/", { headers });
}

const fetchServices: Record<
  string,
  (guard: FakeGuard) => (request: Request) => Response | Promise<Response>
> = {
  fetch: (guard) => protect(guard, options)(() => new Response("in")),
  hono: (guard) => {
    const app = new Hono();
    app.use(honoGate(guard, options));
    app.get("/", (context) => context.text("in"));
    return (request) => app.fetch(request);
  },
};

test.each(Object.entries(fetchServices))(
  "the adapter of %s refuses a call with several `Authorization` headers, whichever comes first",
  async (_name, start) => {
    const guard = newGuard();
    const service = start(guard);
    expect((await service(requestWith("key"))).status).toBe(200);
    for (const tokens of [
      ["key", "other"],
      ["other", "key"],
      ["key", "key"],
    ]) {
      expect((await service(requestWith(...tokens))).status).toBe(401);
    }
    expect(guard.verified.map(({ token }) => token)).toEqual(["key"]);
  },
);

test("the handler of a fetch service gets the caller, and then what its runtime passes, as Next passes the parameters", async () => {
  const handler = protect(newGuard())(
    async (_request, caller, { params }: { params: Promise<{ id: string }> }) =>
      Response.json({ key: caller?.principal.keyId, id: (await params).id }),
  );
  const response = await handler(requestWith("key"), { params: Promise.resolve({ id: "run_1" }) });
  expect(await response.json()).toEqual({ key: "key_1", id: "run_1" });
});

function adapterOf(guard: FakeGuard) {
  const routes: Parameters<typeof connectNodeAdapter>[0]["routes"] = (router) =>
    void router.service(PromptService, { listPrompts: () => ({}) });
  return connectNodeAdapter({ requestGate: connectGate(guard, options), routes });
}

async function listen(
  server: ReturnType<typeof createHttp1Server | typeof createHttp2Server>,
): Promise<number> {
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  return (server.address() as AddressInfo).port;
}

// Node refuses to send such a request itself.
function sendOverHttp2(port: number, contentType: string, tokens: string[]): void {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  const headers = tokens.map((token) => ["authorization", `Bearer ${token}`] as const);
  const frames = requestOf("POST", 1, path, [["content-type", contentType], ["te", "trailers"], ...headers]);
  socket.write(Buffer.concat([opening, frames]));
}

const nodeServices: Record<string, (guard: FakeGuard, tokens: string[]) => Promise<void>> = {
  async "Connect over HTTP/1.1"(guard, tokens) {
    const port = await listen(createHttp1Server(adapterOf(guard)));
    const authorization = tokens.flatMap((token) => ["authorization", `Bearer ${token}`]);
    const headers = ["host", "localhost", "content-type", "application/json", ...authorization];
    const request = httpRequest({ port, path, method: "POST", headers });
    request.on("error", () => undefined).end("{}");
  },
  async "Connect over HTTP/2"(guard, tokens) {
    sendOverHttp2(await listen(createHttp2Server(adapterOf(guard))), "application/proto", tokens);
  },
  async "grpc-js"(guard, tokens) {
    const { url, close } = await serveGrpc(guard, options, () => "");
    onTestFinished(close);
    sendOverHttp2(Number(new URL(url).port), "application/grpc", tokens);
  },
};

// docs/guard.md says so: these frameworks get only what Node keeps.
test.each(Object.entries(nodeServices))(
  "with %s, the first of several `Authorization` headers counts, and no other is verified",
  async (_name, send) => {
    for (const tokens of [
      ["key", "other"],
      ["other", "key"],
    ]) {
      const guard = newGuard();
      await send(guard, tokens);
      await expect.poll(() => guard.verified.map(({ token }) => token)).toEqual(tokens.slice(0, 1));
    }
  },
);
