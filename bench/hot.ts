import { type Comparison, comparisonTable, median, whole } from "./compare.ts";
import { inFlight, measureHot, tokens } from "./hot-measurement.ts";
import type { Part } from "./part.ts";

/** Verification of cached tokens, compared with the limits of node and with products of others. */
export const hot: Part = async (stack, options, progress) => {
  const { seen, transactions } = await measureHot(stack, options, progress);
  const row = (what: string, limit: string, ours: string, of: string, reach?: number): Comparison[] => {
    const [samples, limits] = [seen[ours], seen[of]];
    return samples && limits
      ? [{ what, limit, ours: samples, limits, ...(reach !== undefined && { reach }) }]
      : [];
  };
  const jsonRow = "VerifyToken, Connect JSON, HTTP/1.1";
  const rows = [
    ...row(jsonRow, "bare node:http, JSON echo", "json", "bareHttp", 0.6),
    ...row(jsonRow, "connect-node echo", "json", "echoJson", 4),
    ...row(jsonRow, "better-auth `verifyApiKey`", "json", "betterAuth", 25),
    ...row(
      `${jsonRow}, a new body each time`,
      "bare node:http, JSON echo",
      "jsonFresh",
      "bareHttpFresh",
      0.45,
    ),
    ...row("`POST /v1/tokens:verify`, HTTP/1.1", "VerifyToken, Connect JSON", "plain", "json", 0.95),
    ...row("`GET /v1/account/api_keys/{id}`", "GetApiKey, Connect JSON", "plainGetKey", "getKey", 0.9),
    ...row("VerifyToken, Connect binary, HTTP/1.1", "bare node:http, JSON echo", "binary", "bareHttp"),
    ...row("VerifyToken, gRPC", "bare http2 stream echo", "grpc", "bareHttp2", 0.55),
    ...row("VerifyToken, gRPC", "@grpc/grpc-js echo", "grpc", "grpcJs", 1),
    ...row("VerifyToken, gRPC", "connect-node echo", "grpc", "echoGrpc"),
    ...row("`GET /v1/forward_auth`, HTTP/1.1", "bare node:http, GET", "forwardAuth", "bareGet", 0.55),
    ...row("ext_authz `Check`, gRPC", "bare http2 stream echo", "extAuthz", "bareHttp2", 0.4),
  ];
  const tail = seen.json?.map((sample, n) => sample.p99 / (seen.bareHttp?.[n]?.p99 ?? Number.NaN)) ?? [];
  return [
    `### Hot: ${whole(tokens)} different tokens, ${inFlight} in flight\n`,
    comparisonTable(rows),
    `p99 of Connect JSON is ${median(tail).toPrecision(2)} × the bare echo's (to reach: at most 2). Meanwhile, the database committed`,
    `${transactions.toPrecision(2)} transactions per 1,000 verifications: heartbeats, and batches of last use.\n`,
  ].join("\n");
};
