import type { ContextValues } from "@connectrpc/connect";
import { parseToken } from "../../domain/kernel/token.ts";
import { requireLiveToken } from "../middleware/admission.ts";
import { type AuthDeps, failCall } from "../middleware/auth-interceptor.ts";
import { bearerToken } from "../middleware/authenticate.ts";
import { type Arrival, callOf, recordOf } from "../middleware/context.ts";
import { withBasicAsBearer } from "./client.ts";

/** The part of a method of the fast path that an endpoint replaces. */
interface Authorized {
  maxBytes: number;
  authorize(arrival: Arrival): Promise<void> | undefined;
  recheck(values: ContextValues): Promise<void> | undefined;
}

// A token has at most 8,192 bytes. The rest is for percent-encoding and other parameters.
const maxFormBytes = 12_288;

/** Returns `VerifyToken` as the endpoint of token introspection calls it. HTTP Basic may contain the bearer. */
export function introspectMethod<M extends Authorized>(verifyToken: M, name: string): M {
  return {
    ...verifyToken,
    maxBytes: maxFormBytes,
    authorize(arrival: Arrival) {
      // A resource server may ask as often as it likes. The calls of the key itself take from its limits.
      recordOf(arrival.values).takesNothing = true;
      const requestHeader = withBasicAsBearer(arrival.requestHeader);
      return verifyToken.authorize({ ...arrival, name, requestHeader });
    },
  };
}

/**
 * Returns `RevokeToken` as the endpoint of token revocation calls it. It needs no client authentication. If the client sends
 * one, it must be right, also when the form is complete.
 */
export function revokeMethod<M extends Authorized>(deps: AuthDeps, revokeToken: M, name: string): M {
  return {
    ...revokeToken,
    maxBytes: maxFormBytes,
    async authorize(arrival: Arrival) {
      await revokeToken.authorize({ ...arrival, name });
      await checkClient(deps, arrival);
    },
    recheck(values: ContextValues) {
      const { arrival } = recordOf(values);
      return arrival && checkClient(deps, arrival);
    },
  };
}

async function checkClient(deps: AuthDeps, arrival: Arrival): Promise<void> {
  const requestHeader = withBasicAsBearer(arrival.requestHeader);
  if (!requestHeader.has("authorization")) return;
  try {
    await requireRightClient(deps, { ...arrival, requestHeader });
  } catch (error) {
    throw failCall(deps, arrival.values, error);
  }
}

// Any token that is accepted authenticates a client, whatever its permissions and its account.
async function requireRightClient(deps: AuthDeps, arrival: Arrival): Promise<void> {
  const token = bearerToken(arrival.requestHeader);
  const [evaluation] = await deps.resolver.resolve([
    {
      token,
      caller: callOf(arrival).addressKey,
      fresh: false,
      accountId: "",
      workspaceId: "",
      permissions: [],
      entitlements: [],
      environment: undefined,
      own: "user",
    },
  ]);
  if (!evaluation) throw new Error("the resolver returned no evaluation");
  requireLiveToken(evaluation, parseToken(deps.tokenPrefix, token));
}
