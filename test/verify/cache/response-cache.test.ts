import { describe, expect, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { inSeconds } from "../../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner, startBeside, useApp } from "../../support/app.ts";
import { openFastPathServer } from "../../support/fast-path/server.ts";
import { pathOf } from "../../support/net/http.ts";

const app = useApp();

/** A question of a bearer, as JSON. */
interface Asking {
  bearer: string;
  question: Record<string, unknown>;
  method?: "verifyToken" | "batchVerifyTokens";
}

/** The status of an answer, with its verdict or reason. */
type LookupKey = (asking: Asking) => Promise<string>;

async function openAsking(): Promise<{ lookupKey: LookupKey; figures(name: string): Promise<number> }> {
  const server = await openFastPathServer(app.databaseUrl, true);
  return {
    async lookupKey({ bearer, question, method = "verifyToken" }) {
      const response = await fetch(server.url + pathOf(TokenService.method[method]), {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify(question),
      });
      const body = (await response.json()) as {
        verdict?: string;
        details?: { debug?: { reason?: string } }[];
      };
      const reason = body.details?.map(({ debug }) => debug?.reason).find(Boolean);
      return `${response.status} ${body.verdict?.replace("VERDICT_", "") ?? reason ?? ""}`.trim();
    },
    async figures(name) {
      const { body } = await server.metrics.render();
      const lines = body.split("\n").filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    },
  };
}

/** What is asked until it is answered from memory, and then changed: what follows? */
interface Change {
  asking: Asking;
  change(): Promise<unknown>;
  after: string;
}

async function verifierOf(owner: Owner) {
  return issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
}

const changes: Record<string, (owner: Owner) => Promise<Change>> = {
  async "the token's key is revoked"(owner) {
    const { id, token } = await issueKey(owner);
    const asking = { bearer: app.platformToken, question: { token } };
    return { asking, change: () => owner.apiKeys.revokeApiKey({ id }), after: "200 REVOKED" };
  },
  async "the token's key is disabled"(owner) {
    const { id, token } = await issueKey(owner);
    const asking = { bearer: app.platformToken, question: { token } };
    return { asking, change: () => owner.apiKeys.disableApiKey({ id }), after: "200 DISABLED" };
  },
  async "the token's workspace is archived"(owner) {
    await newWorkspace(owner, "stays");
    const workspaceId = await newWorkspace(owner, "goes");
    const { token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const asking = { bearer: app.platformToken, question: { token, workspaceId } };
    const change = () => owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    return { asking, change, after: "200 WORKSPACE_ARCHIVED" };
  },
  async "the token's account is suspended"(owner) {
    const { token } = await issueKey(owner);
    const asking = { bearer: app.platformToken, question: { token } };
    const accountId = owner.account.metadata?.id ?? "";
    const change = () => app.clientAs(app.platformToken).accounts.suspendAccount({ accountId });
    return { asking, change, after: "200 ACCOUNT_SUSPENDED" };
  },
  async "the bearer's key is revoked"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const asking = { bearer: verifier.token, question: { token } };
    const change = () => owner.apiKeys.revokeApiKey({ id: verifier.id });
    return { asking, change, after: "401 REVOKED_API_KEY" };
  },
  async "the bearer's key is disabled"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const asking = { bearer: verifier.token, question: { token } };
    const change = () => owner.apiKeys.disableApiKey({ id: verifier.id });
    return { asking, change, after: "401 DISABLED_API_KEY" };
  },
  async "the bearer loses the permission to ask"(owner) {
    const [verifier, { token }] = [await verifierOf(owner), await issueKey(owner)];
    const asking = { bearer: verifier.token, question: { token } };
    const update = {
      id: verifier.id,
      spec: { permissions: [] },
      updateMask: { paths: ["spec.permissions"] },
    };
    return { asking, change: () => owner.apiKeys.updateApiKey(update), after: "403 PERMISSION_DENIED" };
  },
};

describe("an answer that was given before is not given again once", () => {
  test.each(Object.keys(changes))("%s", async (name) => {
    const change = await changes[name]?.(await app.newAccount());
    if (!change) throw new Error(`no change ${name}`);
    const { lookupKey } = await openAsking();
    for (let i = 0; i < 3; i++) expect(await lookupKey(change.asking)).toBe("200 VALID");
    await change.change();
    expect(await lookupKey(change.asking)).toBe(change.after);
  });
});

test("an answer that was given before ends with the token, without any change", async () => {
  const { lookupKey } = await openAsking();
  const owner = await app.newAccount();
  const { token } = await issueKey(owner, { spec: { expiresAt: inSeconds(2) } });
  const [subject, bearer] = [
    { bearer: app.platformToken, question: { token } },
    { bearer: token, question: { token } },
  ];
  for (let i = 0; i < 3; i++) {
    expect(await lookupKey(subject)).toBe("200 VALID");
    expect(await lookupKey(bearer)).toBe("403 PERMISSION_DENIED");
  }
  await expect.poll(() => lookupKey(subject), { timeout: 5_000 }).toBe("200 EXPIRED");
  expect(await lookupKey(bearer)).toBe("401 EXPIRED_API_KEY");
});

test("who asks decides: what the own account is told, no other account is, and it is no answer to another method", async () => {
  const { lookupKey } = await openAsking();
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const [own, foreign, { token }] = [await verifierOf(owner), await verifierOf(other), await issueKey(owner)];
  for (let i = 0; i < 3; i++) {
    expect(await lookupKey({ bearer: own.token, question: { token } })).toBe("200 VALID");
    expect(await lookupKey({ bearer: foreign.token, question: { token } })).toBe("200 INVALID");
    expect(await lookupKey({ bearer: own.token, question: { token }, method: "batchVerifyTokens" })).toBe(
      "400",
    );
  }
});

test("an instance starts with any number of cache entries", async ({ onTestFinished }) => {
  // 512 bytes per entry, of which a tenth is for evaluations: not a whole number of bytes.
  const beside = await startBeside(app, { LATCHKEY_CACHE_ENTRIES: "1001" });
  onTestFinished(beside.end);
  const { profile } = await beside.app.clientAs(app.platformToken).profiles.whoAmI({});
  expect(profile?.metadata?.id).not.toBe("");
});

test("what is given again is counted like the first time", async () => {
  const { lookupKey, figures } = await openAsking();
  const owner = await app.newAccount();
  const { id, token } = await issueKey(owner);
  for (let i = 0; i < 5; i++) await lookupKey({ bearer: app.platformToken, question: { token } });
  expect(await figures('latchkey_verdicts_total{verdict="VALID"}')).toBe(5);
  expect(await figures("latchkey_call_seconds_count")).toBe(5);
  expect(await figures("latchkey_lookups_total")).toBe(10);
  const lastUse = async () => (await owner.apiKeys.getApiKey({ id })).apiKey?.info?.lastUsedAt;
  await expect.poll(lastUse, { timeout: 15_000 }).toBeDefined();
});
