// A service that answers each request with the verdict of its guard. Only the chaos run starts it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { createGuard } from "../src/guard/guard.ts";

const { LATCHKEY_URL: url = "", LATCHKEY_TOKEN: token = "" } = process.env;
const guard = createGuard({ url, token, onEvent() {} });
const server = createServer((request, response) => {
  void (async () => {
    const body = (await json(request)) as { token: string };
    const { valid, source } = await guard.verify(body.token);
    response.end(JSON.stringify({ valid, source }));
  })().catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
