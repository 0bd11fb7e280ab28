import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type Transport,
} from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { PromptService } from "../../../examples/prompts-api/gen/prompts_pb.ts";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import * as forConnect from "../../../src/guard/connect.ts";
import * as forExpress from "../../../src/guard/express.ts";
import * as forFastify from "../../../src/guard/fastify.ts";
import * as forFetch from "../../../src/guard/fetch.ts";
import type { Access, GateOptions } from "../../../src/guard/gate.ts";
import * as forHono from "../../../src/guard/hono.ts";
import type { Guard } from "../../../src/guard/types.ts";
import { withHeaders } from "../actors/clients.ts";
import { serveGrpc } from "./grpc-service.ts";

/** What the client of a protected service sees. The status of an RPC is that of its code. */
export interface Answer {
  status: number;
  /** The reason of a refusal. */
  reason?: string | undefined;
  metadata?: Record<string, string>;
  /** The id of the caller's key that the handler found, or `anonymous`. */
  caller?: string;
  challenge: string | null;
  retryAfter: string | null;
}

/** The route of a service: `read` needs a valid token, `write` also needs `prompts:write`. */
export type Route = "read" | "write";

/** A service that an adapter protects. */
export interface Service {
  /** Calls a route with this `Authorization`, if there is one. */
  call(route: Route, authorization?: string): Promise<Answer>;
  /** The address of a service that listens. */
  url?: string;
  close(): Promise<void>;
}

/** Starts a service behind a guard. */
export type StartService = (guard: Guard, options?: GateOptions<unknown>) => Promise<Service>;

/** Returns what a handler answers about its caller. */
export const nameOf = (caller: Access | null | undefined) => caller?.principal.keyId ?? "anonymous";

const body = (caller: Access | null | undefined) => ({ caller: nameOf(caller) });

const serveExpress: StartService = async (guard, options) => {
  const app = express();
  app.use(forExpress.latchkey(guard, options));
  app.get("/read", (request, response) => void response.json(body(request.latchkey)));
  app.get("/write", forExpress.needs("prompts:write"), (request, response) => {
    response.json(body(request.latchkey));
  });
  return overHttp(app);
};

const serveFastify: StartService = async (guard, options) => {
  const app = fastify();
  await app.register(forFastify.latchkey(guard, options));
  app.get("/read", async (request) => body(request.latchkey));
  const onRequest = forFastify.needs("prompts:write");
  app.get("/write", { onRequest }, async (request) => body(request.latchkey));
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const service = byFetch(
    (path, init) => fetch(url + path, init),
    () => app.close(),
  );
  return { ...service, url };
};

const serveHono: StartService = async (guard, options) => {
  const app = new Hono();
  // The default prints the error.
  app.onError((_error, context) => context.json({ error: { code: "BUG", details: {} } }, 500));
  app.use(forHono.latchkey(guard, options));
  app.get("/read", (context) => context.json(body(context.get("latchkey"))));
  app.get("/write", forHono.needs("prompts:write"), (context) => context.json(body(context.get("latchkey"))));
  return byFetch(async (path, init) => app.request(path, init));
};

const serveFetch: StartService = async (guard, options) => {
  const protect = forFetch.latchkey(guard, options);
  const read = protect((_request, caller) => Response.json(body(caller)));
  const write = protect(forFetch.needs("prompts:write")((_request, caller) => Response.json(body(caller))));
  return byFetch(async (path, init) => {
    const request = new Request(`http://localhost${path}`, init);
    return path === "/read" ? read(request) : write(request);
  });
};

const serveConnect: StartService = async (guard, options) => {
  const routes = (router: ConnectRouter) =>
    router.service(PromptService, {
      listPrompts: (_request, { values }) => ({ prompts: [{ text: nameOf(values.get(forConnect.caller)) }] }),
      createPrompt: forConnect.needs("prompts:write")((_request, { values }) => ({
        prompt: { text: nameOf(values.get(forConnect.caller)) },
      })),
    });
  const router = { requestGate: forConnect.latchkey(guard, options) };
  return byRpc(createRouterTransport(routes, { router }));
};

const serveGrpcJs: StartService = async (guard, options = {}) => {
  const { url, close } = await serveGrpc(guard, options, nameOf);
  return byRpc(createGrpcTransport({ baseUrl: url }), close);
};

function byRpc(transport: Transport, close: () => Promise<void> = async () => undefined): Service {
  async function call(route: Route, authorization?: string): Promise<Answer> {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const client = createClient(PromptService, withHeaders(transport, headers));
    const [read, write] = [client.listPrompts, client.createPrompt];
    try {
      const prompt = route === "read" ? (await read({})).prompts[0] : (await write({})).prompt;
      return { status: 200, caller: prompt?.text ?? "", challenge: null, retryAfter: null };
    } catch (error) {
      return answerOf(ConnectError.from(error));
    }
  }
  return { call, close };
}

function answerOf(error: ConnectError): Answer {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [challenge, retryAfter] = ["www-authenticate", "retry-after"].map((name) => error.metadata.get(name));
  return {
    // A bug in an adapter must not look like a refusal.
    status: error.code === Code.Unknown ? 500 : codeToHttpStatus(error.code),
    reason: info?.reason,
    metadata: { ...info?.metadata },
    challenge: challenge ?? null,
    retryAfter: retryAfter ?? null,
  };
}

/** Starts a service by each adapter. */
export const services: Record<string, StartService> = {
  express: serveExpress,
  fastify: serveFastify,
  hono: serveHono,
  fetch: serveFetch,
  connect: serveConnect,
  grpc: serveGrpcJs,
};

async function overHttp(listener: RequestListener): Promise<Service> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = byFetch(
    (path, init) => fetch(url + path, init),
    async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  );
  return { ...service, url };
}

function byFetch(
  send: (path: string, init: RequestInit) => Promise<Response>,
  close: () => Promise<void> = async () => undefined,
): Service {
  async function call(route: Route, authorization?: string): Promise<Answer> {
    const response = await send(
      `/${route}`,
      authorization === undefined ? {} : { headers: { authorization } },
    );
    const [challenge, retryAfter] = ["www-authenticate", "retry-after"].map((name) =>
      response.headers.get(name),
    );
    const seen = { status: response.status, challenge: challenge ?? null, retryAfter: retryAfter ?? null };
    const json = (await response.json()) as { caller: string; error?: { code: string; details: object } };
    if (response.ok) return { ...seen, caller: json.caller };
    return { ...seen, reason: json.error?.code, metadata: { ...json.error?.details } };
  }
  return { call, close };
}
