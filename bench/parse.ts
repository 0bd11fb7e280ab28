import { gzipSync } from "node:zlib";
import type { DescMethod } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter, createContextValues } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalHandler } from "@connectrpc/connect/protocol";
import { binaryOptions } from "../src/app/handlers.ts";
import { createServiceValidate, services } from "../src/app/routes.ts";
import { DomainError } from "../src/domain/kernel/error.ts";
import { defaultLimits } from "../src/net/limits.ts";
import { jsonOptions } from "../src/rpc/json-options.ts";
import { ruleOf } from "../src/rpc/middleware/access.ts";
import { boundBodies } from "../src/rpc/middleware/bounded-body.ts";
import { recordOf } from "../src/rpc/middleware/context.ts";
import { fromDomain } from "../src/rpc/middleware/errors.ts";
import { gzip } from "../src/rpc/middleware/gzip.ts";
import { createBoundsOf } from "../src/rpc/middleware/message-bounds.ts";
import { createRequestGate } from "../src/rpc/middleware/outcome.ts";
import { explainParseErrors } from "../src/rpc/middleware/parse-errors.ts";
import { type Body, expensiveBodies } from "./bodies.ts";
import { decimals, whole } from "./compare.ts";
import type { Part } from "./part.ts";

const toReachMs = { public: 2, others: 20 };
const rowsPerTable = 8;

interface Cost {
  method: DescMethod;
  body: Body;
  milliseconds: number;
}

/** The CPU time that one request costs before its method runs: decompressing, scanning, parsing, checking, explaining. */
export const parse: Part = async (_stack, { quick }) => {
  const boundsOf = createBoundsOf(defaultLimits.maxMessageBytes);
  const { handlers: all } = routerWithoutMethods(boundsOf);
  // The request of a stream has no body that is read as a whole.
  const handlers = all.filter(({ method }) => method.methodKind === "unary");
  const costs: Cost[] = [];
  for (const handler of handlers) {
    const bodies = expensiveBodies(handler.method.input, boundsOf(handler.method.input));
    for (const body of bodies) {
      const milliseconds = await costOf(handler, body, quick ? 3 : 15);
      costs.push({ method: handler.method, body, milliseconds });
    }
  }
  const isPublic = ({ method }: Cost) => ruleOf(method).case === "public";
  return [
    "### Parsing and checking a request\n",
    "The largest bodies that a method accepts, compressed with gzip: CPU time of a request until its method runs, or until its error is written.\n",
    tableOf("public methods", costs.filter(isPublic), toReachMs.public),
    tableOf(
      "other methods",
      costs.filter((cost) => !isPublic(cost)),
      toReachMs.others,
    ),
  ].join("\n");
};

function tableOf(what: string, costs: readonly Cost[], toReach: number): string {
  const worst = costs.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, rowsPerTable);
  const rows = worst.map(({ method, body, milliseconds }) => {
    const reached = milliseconds <= toReach ? "reached" : "**short**";
    return `| ${method.name} | ${body.name} | ${whole(body.bytes.length)} | ${decimals(milliseconds)} | ≤ ${toReach} | ${reached} |`;
  });
  const head = `| the most expensive of ${whole(costs.length)} bodies: ${what} | body | bytes | lower quartile, ms | to reach | |`;
  return [head, "| --- | --- | --: | --: | --- | --- |", ...rows, ""].join("\n");
}

// The real bounds, parsers, rules and errors, and methods that do nothing.
function routerWithoutMethods(boundsOf: ReturnType<typeof createBoundsOf>): ConnectRouter {
  const validate = createServiceValidate();
  const router = createConnectRouter({
    requestGate: createRequestGate(async () => {}),
    interceptors: [
      () => async (request) => {
        if (request.stream) throw new Error("a stream");
        recordOf(request.contextValues).parsed = true;
        try {
          validate(request.method.input, request.message);
        } catch (error) {
          throw error instanceof DomainError ? fromDomain(error) : error;
        }
        throw fromDomain(new DomainError("UNIMPLEMENTED", "the bench has no methods"));
      },
    ],
    acceptCompression: [gzip],
    jsonOptions,
    binaryOptions,
  });
  for (const service of services) router.service(service, {});
  explainParseErrors(router, boundsOf);
  boundBodies(router, boundsOf);
  return router;
}

async function costOf(handler: UniversalHandler, { isJson, bytes }: Body, samples: number): Promise<number> {
  const body = gzipSync(bytes);
  const header = { "content-type": `application/${isJson ? "json" : "proto"}`, "content-encoding": "gzip" };
  const times: number[] = [];
  // The first ones warm up.
  for (let n = 0; n < 2 * samples; n += 1) {
    const before = process.cpuUsage();
    const response = await handler({
      httpVersion: "1.1",
      method: "POST",
      url: `http://localhost${handler.requestPath}`,
      header: new Headers(header),
      body: createAsyncIterable([body]),
      signal: new AbortController().signal,
      contextValues: createContextValues(),
    });
    for await (const _ of response.body ?? []);
    const { user, system } = process.cpuUsage(before);
    if (n >= samples) times.push((user + system) / 1_000);
  }
  // Other processes on the machine make some samples longer, and none shorter.
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)] ?? 0;
}
