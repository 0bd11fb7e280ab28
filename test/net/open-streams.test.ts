import { createClient, type HandlerContext } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { createOpenStreams, maxOpenStreamsPerAddress } from "../../src/net/standard-services/open-streams.ts";
import { useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();

test("a client address has a limited number of open health streams, and can open another when one ends", async () => {
  const health = createClient(Health, app.transportAs(""));
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  async function watch(signal = ended.signal) {
    const stream = health.watch({}, { signal })[Symbol.asyncIterator]();
    await stream.next();
    return stream;
  }
  const one = new AbortController();
  const first = await watch(one.signal);
  for (let n = 1; n < maxOpenStreamsPerAddress; n++) await watch();
  expect(await refusal(watch())).toMatchObject({ code: "ResourceExhausted" });
  one.abort();
  await refusal(first.next());
  await expect
    .poll(() =>
      watch().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});

test("the streams of one client do not count for another client", async () => {
  const streams = createOpenStreams(({ url }) => url, 1);
  async function* endless() {
    for (;;) yield 1;
  }
  const open = (client: string) =>
    streams
      .follow({ url: client, signal: new AbortController().signal } as HandlerContext, endless())
      [Symbol.asyncIterator]();
  const [a, other, b] = [open("a"), open("a"), open("b")];
  expect(await a.next()).toEqual({ done: false, value: 1 });
  await expect(other.next()).rejects.toThrow("at most 1 streams");
  expect(await b.next()).toEqual({ done: false, value: 1 });
  await a.return?.(undefined);
  expect(await open("a").next()).toEqual({ done: false, value: 1 });
});
