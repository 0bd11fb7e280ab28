import { describe, expect, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { inSeconds } from "../../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner, startOnPools, useApp } from "../../support/app.ts";
import { openFastPathServer } from "../../support/fast-path/server.ts";
import { pathOf } from "../../support/net/http.ts";

const app = useApp();

/** A request of a bearer, as JSON. */
interface Verification {
  bearer: string;
  request: Record<string, unknown>;
  method?: "verifyToken" | "batchVerifyTokens";
}

/** Sends a request. Returns the status of the response with its verdict or reason. */
type Verify = (verification: Verification) => Promise<string>;

async function openServer(): Promise<{
  verify: Verify;
  sumOf(name: string): Promise<number>;
  flush(): Promise<void>;
}> {
  const server = await openFastPathServer(app.pools.lookups, true);
  return {
    flush: server.flush,
    async verify({ bearer, request, method = "verifyToken" }) {
      const response = await fetch(server.url + pathOf(TokenService.method[method]), {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      const body = (await response.json()) as {
        verdict?: string;
        details?: { debug?: { reason?: string } }[];
      };
      const reason = body.details?.map(({ debug }) => debug?.reason).find(Boolean);
      return `${response.status} ${body.verdict?.replace("VERDICT_", "") ?? reason ?? ""}`.trim();
    },
    async sumOf(name) {
      const { body } = await server.metrics.render();
      const lines = body.split("\n").filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
  };
}

/** A request that is in the response cache, a change, and the response after the change. */
interface Change {
  verification: Verification;
  change(): Promise<unknown>;
  after: string;
}

async function verifierOf(owner: Owner) {
  return issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
}

const changes: Record<string, (owner: Owner) => Promise<Change>> = {
  async "the key of the token is revoked"(owner) {
    const { id, token } = await issueKey(owner);
    const verification = { bearer: app.platformToken, request: { token } };
    return { verification, change: () => owner.apiKeys.revokeApiKey({ id }), after: "200 REVOKED" };
  },
  async "the key of the token is disabled"(owner) {
    const { id, token } = await issueKey(owner);
    const verification = { bearer: app.platformToken, request: { token } };
    return { verification, change: () => owner.apiKeys.disableApiKey({ id }), after: "200 DISABLED" };
  },
  async "the workspace of the request is archived"(owner) {
    await newWorkspace(owner, "stays");
    const workspaceId = await newWorkspace(owner, "goes");
    const { token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const verification = { bearer: app.platformToken, request: { token, workspaceId } };
    const change = () => owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    return { verification, change, after: "200 WORKSPACE_ARCHIVED" };
  },
  async "the account of the token is suspended"(owner) {
    const { token } = await issueKey(owner);
    const verification = { bearer: app.platformToken, request: { token } };
    const accountId = owner.account.metadata?.id ?? "";
    const change = () => app.clientAs(app.platformToken).accounts.suspendAccount({ accountId });
    return { verification, change, after: "200 ACCOUNT_SUSPENDED" };
  },
  async "the key of the caller is revoked"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const verification = { bearer: verifier.token, request: { token } };
    const change = () => owner.apiKeys.revokeApiKey({ id: verifier.id });
    return { verification, change, after: "401 REVOKED_API_KEY" };
  },
  async "the key of the caller is disabled"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const verification = { bearer: verifier.token, request: { token } };
    const change = () => owner.apiKeys.disableApiKey({ id: verifier.id });
    return { verification, change, after: "401 DISABLED_API_KEY" };
  },
  async "the caller loses tokens:verify"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const verification = { bearer: verifier.token, request: { token } };
    const update = {
      id: verifier.id,
      spec: { permissions: [] },
      updateMask: { paths: ["spec.permissions"] },
    };
    return { verification, change: () => owner.apiKeys.updateApiKey(update), after: "403 PERMISSION_DENIED" };
  },
};

describe("a cached response is not sent again after", () => {
  test.each(Object.keys(changes))("%s", async (name) => {
    const change = await changes[name]?.(await app.newAccount());
    if (!change) throw new Error(`no change ${name}`);
    const { verify } = await openServer();
    for (let i = 0; i < 3; i++) expect(await verify(change.verification)).toBe("200 VALID");
    await change.change();
    expect(await verify(change.verification)).toBe(change.after);
  });
});

test("a cached response is not sent again after the token has expired", async () => {
  const { verify } = await openServer();
  const owner = await app.newAccount();
  const { token } = await issueKey(owner, { spec: { expiresAt: inSeconds(2) } });
  const [subject, bearer] = [
    { bearer: app.platformToken, request: { token } },
    { bearer: token, request: { token } },
  ];
  for (let i = 0; i < 3; i++) {
    expect(await verify(subject)).toBe("200 VALID");
    expect(await verify(bearer)).toBe("403 PERMISSION_DENIED");
  }
  await expect.poll(() => verify(subject)).toBe("200 EXPIRED");
  expect(await verify(bearer)).toBe("401 EXPIRED_API_KEY");
});

test("a cached response is sent only to callers of the same account, and only for the same method", async () => {
  const { verify } = await openServer();
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const [own, foreign, { token }] = [await verifierOf(owner), await verifierOf(other), await issueKey(owner)];
  for (let i = 0; i < 3; i++) {
    expect(await verify({ bearer: own.token, request: { token } })).toBe("200 VALID");
    expect(await verify({ bearer: foreign.token, request: { token } })).toBe("200 INVALID");
    expect(await verify({ bearer: own.token, request: { token }, method: "batchVerifyTokens" })).toBe("400");
  }
});

test("an instance starts with any number of cache entries", async ({ onTestFinished }) => {
  // 512 bytes per entry, of which a tenth is for evaluations: not a whole number of bytes.
  const beside = await startOnPools(app, { LATCHKEY_CACHE_ENTRIES: "1001" });
  onTestFinished(beside.end);
  const { profile } = await beside.app.clientAs(app.platformToken).profiles.whoAmI({});
  expect(profile?.metadata?.id).not.toBe("");
});

test("a cached response is counted like a new one", async () => {
  const { verify, sumOf, flush } = await openServer();
  const owner = await app.newAccount();
  const { id, token } = await issueKey(owner);
  for (let i = 0; i < 5; i++) await verify({ bearer: app.platformToken, request: { token } });
  expect(await sumOf('latchkey_verdicts_total{verdict="VALID"}')).toBe(5);
  expect(await sumOf("latchkey_call_seconds_count")).toBe(5);
  expect(await sumOf("latchkey_lookups_total")).toBe(10);
  await flush();
  expect((await owner.apiKeys.getApiKey({ id })).apiKey?.info?.lastUsedAt).toBeDefined();
});
