import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { health } from "../support/net/hostile.ts";
import { connectRaw, openTestPort } from "../support/net/net.ts";

test("a client that resets its connection during pipelined requests does not crash the server", async () => {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtException", onUncaught);
  onTestFinished(() => void process.off("uncaughtException", onUncaught));
  const { port } = await openTestPort({ handler: health });
  // The server refuses this content type, so no handler reads the body.
  const head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n";
  const requests = `${head}content-length: 2\r\n\r\n{}`.repeat(4);
  for (let attempt = 0; attempt < 90; attempt++) {
    const { socket } = await connectRaw(port, requests);
    await wait(attempt / 30);
    socket.resetAndDestroy();
    await once(socket, "close");
  }
  await wait(50);
  expect(uncaught).toEqual([]);
});
