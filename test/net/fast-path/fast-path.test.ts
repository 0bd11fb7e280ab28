import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Metrics } from "../../../src/infra/metrics.ts";
import { inSeconds } from "../../support/actors/api-key.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { comparable, overHttp1, overHttp2, type WireResponse } from "../../support/fast-path/exchange.ts";
import { oneOfEach, type Tokens, type WireRequest, wireRequests } from "../../support/fast-path/requests.ts";
import { type Line, openFastPathServer } from "../../support/fast-path/server.ts";
import { runs } from "../../support/random.ts";

const app = useApp();

/** Opens one of two servers on the same database. */
async function openServer(fastPath: boolean) {
  const server = await openFastPathServer(app.pools.lookups, fastPath);
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(server.url)));
  let sent = 0;
  return {
    ...server,
    async send(requests: WireRequest[]): Promise<WireResponse[]> {
      if (requests[0]?.version === 1) return overHttp1(server.port, requests);
      sent += 1;
      return Promise.all(
        requests.map(async (request) => {
          // The connections take turns, because each may have only a limited number of streams.
          const shared = sessions[sent % sessions.length];
          if (shared && typeof request.length !== "number") return overHttp2(shared, request);
          // A wrong content-length may break the connection.
          const own = await openSession(server.url);
          const response = await overHttp2(own, request);
          own.destroy();
          return response;
        }),
      );
    },
  };
}

async function openSession(url: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(url);
  session.on("error", () => {});
  await once(session, "connect");
  onTestFinished(() => session.destroy());
  return session;
}

async function makeTokens(): Promise<Tokens> {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const powerless = await issueKey(owner, {
    spec: { permissions: ["agents:read"], expiresAt: inSeconds(3600) },
  });
  const revoked = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  await owner.apiKeys.revokeApiKey({ id: revoked.id });
  const foreign = await issueKey(other, { spec: { permissions: ["tokens:verify", "agents:write"] } });
  const many = Array.from({ length: 60 }, (_, index) => `resource_${index}:write`);
  const long = await issueKey(owner, { spec: { permissions: many } });
  const bearers = [
    app.platformToken,
    verifier.token,
    powerless.token,
    revoked.token,
    foreign.token,
    owner.token,
  ];
  const accountIds = [owner, other].map(({ account }) => account.metadata?.id ?? "");
  const subjects = [...bearers.slice(1, 5), long.token, "lk_live_garbage", revoked.token.slice(0, -1)];
  return { bearers: [...bearers, undefined, "garbage", "lk_live_x"], subjects, accountIds };
}

test("responses and log lines are the same with and without the fast path", async () => {
  const tokens = await makeTokens();
  const [fast, ordinary] = [await openServer(true), await openServer(false)];
  const batches = fc
    .tuple(
      fc.constantFrom<1 | 2>(1, 2),
      fc.array(wireRequests(tokens), { minLength: 20, maxLength: 40, size: "max" }),
    )
    .map(([pipelined, requests]) => ({ pipelined: pipelined === 1, requests }));
  let count = 0;
  const seen = new Map<unknown, number>();
  await fc.assert(
    fc.asyncProperty(batches, async ({ pipelined, requests }) => {
      const named = requests.map((request) => {
        count += 1;
        return { ...request, headers: { "x-request-id": `r${count}`, ...request.headers } };
      });
      const groups = groupsOf(named, pipelined);
      const [ours, theirs] = await Promise.all(
        [fast, ordinary].map((server) => Promise.all(groups.map((group) => server.send(group)))),
      );
      for (const [index, group] of groups.entries()) {
        // Extra bytes break the connection either before the response or after it.
        const certain = (responses: WireResponse[] = []) => responses.filter((_, n) => !isTooLong(group[n]));
        expect(certain(ours?.[index]).map(comparable), describeGroup(group)).toEqual(
          certain(theirs?.[index]).map(comparable),
        );
        expect(ours?.[index]).toHaveLength(theirs?.[index]?.length ?? 0);
        for (const { status } of ours?.[index] ?? []) seen.set(status, (seen.get(status) ?? 0) + 1);
      }
    }),
    {
      numRuns: runs(3, 30),
      examples: [[{ pipelined: false, requests: oneOfEach(tokens) }]],
      endOnFailure: true,
      // The assertion describes the failing requests. Their tokens are new in each run, so replaying them is useless.
      reporter({ failed, counterexample, seed, errorInstance }) {
        if (failed && counterexample) throw new Error(`seed ${seed}: ${errorInstance}`);
      },
    },
  );
  expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 403, 404, 405, 415]));
  const whole = (lines: Line[]) => {
    const canceled = [...fast.lines, ...ordinary.lines].filter(isCanceled).map(({ requestId }) => requestId);
    return linesOf(lines.filter(({ requestId }) => !canceled.includes(requestId)));
  };
  // The server logs a call when its stream is closed. The client may have read the response before that.
  const differing = () => {
    const [ours, theirs] = [whole(fast.lines), whole(ordinary.lines)];
    return [ours.filter((line) => !theirs.includes(line)), theirs.filter((line) => !ours.includes(line))];
  };
  await expect.poll(differing, { interval: 200 }).toEqual([[], []]);
  expect(whole(fast.lines)).toEqual(whole(ordinary.lines));
  for (const { lines, metrics } of [fast, ordinary]) {
    await expect.poll(async () => (await countedCalls(metrics)) - lines.length).toBe(0);
  }
});

/** Returns how many calls the metrics have counted, over all methods and codes. */
async function countedCalls(metrics: Metrics): Promise<number> {
  const { body } = await metrics.render();
  const counts = body.matchAll(/^latchkey_call_seconds_count\S* (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

// The log line of a canceled call depends on the moment at which the connection ended.
function isCanceled({ code }: Line): boolean {
  return code === "canceled";
}

// Groups the requests that share one HTTP/1.1 connection. An incomplete request is the last of its group. A request that
// breaks the connection is alone, because responses before it could be lost.
function groupsOf(requests: WireRequest[], pipelined: boolean): WireRequest[][] {
  const groups: WireRequest[][] = [];
  for (const request of requests) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    const mayFollow = pipelined && request.version === 1 && !isTooLong(request);
    const mayBeFollowed = before?.version === 1 && typeof before.length !== "number";
    if (group && mayFollow && mayBeFollowed && group.length < 4) group.push(request);
    else groups.push([request]);
  }
  return groups;
}

function isTooLong(request: WireRequest | undefined): boolean {
  return typeof request?.length === "number" && request.length < 0;
}

function describeGroup(group: WireRequest[]): string {
  return group
    .map(({ chunks, ...request }) => {
      const body = Buffer.concat(chunks);
      return `${JSON.stringify(request)} in ${chunks.length}: ${body.length > 600 ? body.length : body.toString("latin1")}`;
    })
    .join("\n");
}

function linesOf(lines: Line[]): string[] {
  return lines
    .map(({ requestId, method, code, reason, status, address, accountId, profileId, keyId }) =>
      JSON.stringify({ requestId, method, code, reason, status, address, accountId, profileId, keyId }),
    )
    .sort();
}
