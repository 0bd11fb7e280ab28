import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { gzipSync } from "node:zlib";
import type { AttackJob } from "./attacker.ts";
import { type HttpResponse, post } from "./http.ts";
import { type Counts, count, repeat } from "./repeat.ts";

const streams = 100;
const logInPath = "/latchkey.v1.SessionService/LogIn";
const verifyPath = "/latchkey.v1.TokenService/VerifyToken";

/** Keeps 100 requests without a bearer in progress on one HTTP/2 connection, as fast as the server answers. */
export async function noBearers({ port, address, seconds }: AttackJob): Promise<Counts> {
  const counts: Counts = {};
  const endsAt = performance.now() + seconds * 1_000;
  while (performance.now() < endsAt) {
    const socket = connectSocket({ host: "127.0.0.1", port, ...(address && { localAddress: address }) });
    const session = connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
    session.on("error", (error: Error) => count(counts, error.message));
    const drive = async () => {
      while (performance.now() < endsAt && !session.destroyed) count(counts, await callOnce(session));
    };
    await Promise.all(Array.from({ length: streams }, drive));
    session.destroy();
  }
  return counts;
}

async function callOnce(session: ClientHttp2Session): Promise<string> {
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": verifyPath,
      "content-type": "application/json",
    });
    stream.end("{}");
    const [headers] = await once(stream, "response");
    stream.resume();
    await once(stream, "close");
    return `HTTP ${headers[":status"]}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Sends LogIn 10 times per second with a body of 1 KB that unpacks to 1 MB of unknown JSON fields. */
export function zippedBodies(job: AttackJob): Promise<Counts> {
  const fields = Object.fromEntries(Array.from({ length: 90_000 }, (_, n) => [`a${n % 10}${n}`, 1]));
  const body = gzipSync(JSON.stringify(fields).slice(0, 1_000_000));
  return repeat({ callers: 5, everyMs: 500, seconds: job.seconds }, () => send(job, logInPath, body));
}

/** Sends LogIn 10 times per second with an e-mail address of 1 MB, compressed. */
export function longTexts(job: AttackJob): Promise<Counts> {
  const body = gzipSync(JSON.stringify({ email: "a@a.".repeat(250_000), password: "x" }));
  return repeat({ callers: 5, everyMs: 500, seconds: job.seconds }, () => send(job, logInPath, body));
}

function send({ port, address }: AttackJob, path: string, body: Buffer): Promise<HttpResponse> {
  return post({ port, path, body, encoding: "gzip", ...(address !== undefined && { from: address }) });
}
