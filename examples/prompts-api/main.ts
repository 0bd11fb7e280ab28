import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createGuard } from "latchkey/guard";
import { latchkey } from "latchkey/guard/connect";
import { PromptService } from "./gen/prompts_pb.ts";
import { createHttp } from "./http.ts";
import { createPrompts } from "./prompts.ts";
import { createRoutes } from "./rpc.ts";

const { LATCHKEY_URL, LATCHKEY_TOKEN_FILE = ".latchkey/verifier-key", PORT = "3000" } = process.env;
const guard = createGuard({
  url: LATCHKEY_URL ?? "http://127.0.0.1:8080",
  token: readFileSync(LATCHKEY_TOKEN_FILE, "utf8").trim(),
});
const prompts = createPrompts();
const http = createHttp(guard, prompts);
const rpc = connectNodeAdapter({ routes: createRoutes(prompts), requestGate: latchkey(guard) });
const server = createServer((request, response) =>
  request.url?.startsWith(`/${PromptService.typeName}/`) ? rpc(request, response) : http(request, response),
);
server.listen(Number(PORT), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`prompts-api listening on http://127.0.0.1:${port}\n`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.close(() => void guard.close()));
}
