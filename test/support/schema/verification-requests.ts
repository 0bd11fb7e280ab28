import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, type Owner } from "../app.ts";

/** A valid request of each RPC that verifies tokens, or that has to do with the counts of verifications. */
export const verificationRequests: Record<string, (owner: Owner) => Promise<Record<string, unknown>>> = {
  "TokenService/VerifyToken": async (owner) => ({ token: (await issueKey(owner)).token }),
  "TokenService/BatchVerifyTokens": async (owner) => ({
    requests: [{ token: (await issueKey(owner)).token }],
  }),
  "TokenService/RevokeToken": async (owner) => ({ token: (await issueKey(owner)).token }),
  "UsageService/GetUsage": async () => ({}),
  "UsageService/ReportUsage": async (owner) => ({
    batchId: crypto.randomUUID(),
    items: [{ keyId: (await issueKey(owner)).id, verdict: Verdict.VALID, count: 1 }],
  }),
};
