import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Metrics } from "../../../src/infra/metrics.ts";
import { inSeconds } from "../../support/actors/api-key.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { comparable, overHttp1, overHttp2, type WireAnswer } from "../../support/fast-path/exchange.ts";
import { oneOfEach, type Tokens, type WireRequest, wireRequests } from "../../support/fast-path/requests.ts";
import { type Line, openFastPathServer } from "../../support/fast-path/server.ts";
import { runs } from "../../support/random.ts";

const app = useApp();

/** One of two servers over the same database. */
async function openServer(fastPath: boolean) {
  const server = await openFastPathServer(app.databaseUrl, fastPath);
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(server.url)));
  let sent = 0;
  return {
    ...server,
    async send(requests: WireRequest[]): Promise<WireAnswer[]> {
      if (requests[0]?.version === 1) return overHttp1(server.port, requests);
      sent += 1;
      return Promise.all(
        requests.map(async (request) => {
          // In turns, because what one connection may hold is limited.
          const shared = sessions[sent % sessions.length];
          if (shared && typeof request.length !== "number") return overHttp2(shared, request);
          // A wrong length may break the connection.
          const own = await openSession(server.url);
          const answer = await overHttp2(own, request);
          own.destroy();
          return answer;
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

test(
  "no client can tell by its answers, or an operator by the log, which lane a call took",
  async () => {
    const tokens = await makeTokens();
    const [fast, ordinary] = [await openServer(true), await openServer(false)];
    const groups = fc
      .tuple(
        fc.constantFrom<1 | 2>(1, 2),
        fc.array(wireRequests(tokens), { minLength: 20, maxLength: 40, size: "max" }),
      )
      .map(([pipelined, requests]) => ({ pipelined: pipelined === 1, requests }));
    let count = 0;
    const seen = new Map<unknown, number>();
    await fc.assert(
      fc.asyncProperty(groups, async ({ pipelined, requests }) => {
        const named = requests.map((request) => {
          count += 1;
          return { ...request, headers: { "x-request-id": `r${count}`, ...request.headers } };
        });
        const lots = lotsOf(named, pipelined);
        const [ours, theirs] = await Promise.all(
          [fast, ordinary].map((server) => Promise.all(lots.map((lot) => server.send(lot)))),
        );
        for (const [index, lot] of lots.entries()) {
          // Bytes that are too many break the connection before the answer or after it, whichever is first.
          const certain = (answers: WireAnswer[] = []) => answers.filter((_, n) => !isTooLong(lot[n]));
          expect(certain(ours?.[index]).map(comparable), describeLot(lot)).toEqual(
            certain(theirs?.[index]).map(comparable),
          );
          expect(ours?.[index]).toHaveLength(theirs?.[index]?.length ?? 0);
          for (const { status } of ours?.[index] ?? []) seen.set(status, (seen.get(status) ?? 0) + 1);
        }
      }),
      {
        numRuns: runs(9),
        examples: [[{ pipelined: false, requests: oneOfEach(tokens) }]],
        endOnFailure: true,
        // Counterexamples are described above, and their requests are made of fresh tokens.
        reporter({ failed, counterexample, seed, errorInstance }) {
          if (failed && counterexample) throw new Error(`seed ${seed}: ${errorInstance}`);
        },
      },
    );
    expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 403, 404, 405, 415]));
    const whole = (lines: Line[]) => {
      const cutOff = [...fast.lines, ...ordinary.lines].filter(isCutOff).map(({ requestId }) => requestId);
      return linesOf(lines.filter(({ requestId }) => !cutOff.includes(requestId)));
    };
    // A call is logged once its stream is closed, which may be after its answer was read.
    const differing = () => {
      const [ours, theirs] = [whole(fast.lines), whole(ordinary.lines)];
      return [ours.filter((line) => !theirs.includes(line)), theirs.filter((line) => !ours.includes(line))];
    };
    await expect.poll(differing, { timeout: 5_000, interval: 200 }).toEqual([[], []]);
    expect(whole(fast.lines)).toEqual(whole(ordinary.lines));
    for (const { lines, metrics } of [fast, ordinary]) {
      await expect.poll(async () => (await countedCalls(metrics)) - lines.length).toBe(0);
    }
  },
  runs(60_000),
);

/** How many calls were counted, whatever their method and code. */
async function countedCalls(metrics: Metrics): Promise<number> {
  const { body } = await metrics.render();
  const counts = body.matchAll(/^latchkey_call_seconds_count\S* (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

// What is known of a call whose client left, or was cut off, depends on the moment.
function isCutOff({ code }: Line): boolean {
  return code === "canceled";
}

// Requests that go together on one connection. What leaves a connection of HTTP/1.1 waiting goes last, and what breaks
// it goes alone: the answers before may be lost with it.
function lotsOf(requests: WireRequest[], pipelined: boolean): WireRequest[][] {
  const lots: WireRequest[][] = [];
  for (const request of requests) {
    const lot = lots.at(-1);
    const before = lot?.at(-1);
    const mayFollow = pipelined && request.version === 1 && !isTooLong(request);
    const mayBeFollowed = before?.version === 1 && typeof before.length !== "number";
    if (lot && mayFollow && mayBeFollowed && lot.length < 4) lot.push(request);
    else lots.push([request]);
  }
  return lots;
}

function isTooLong(request: WireRequest | undefined): boolean {
  return request?.version === 1 && typeof request.length === "number" && request.length < 0;
}

function describeLot(lot: WireRequest[]): string {
  return lot
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
