import fastify from "fastify";
import { expect, test } from "vitest";
import { latchkey } from "../../src/guard/fastify.ts";
import { accepted, createFakeGuard } from "../support/guard/fake-guard.ts";

test("a plugin of Fastify protects the routes of its scope, also within a scope that is protected already", async () => {
  const guard = createFakeGuard({ key: accepted() });
  const app = fastify();
  app.get("/open", async () => "open");
  await app.register(async (scope) => {
    await scope.register(latchkey(guard));
    scope.get("/inside", async () => "inside");
    await scope.register(async (workspace) => {
      await workspace.register(latchkey(guard, { requires: { workspaceId: "ws_1" } }));
      workspace.get("/workspace", async () => "workspace");
    });
  });
  const status = async (url: string, headers = {}) => (await app.inject({ url, headers })).statusCode;
  const headers = { authorization: "Bearer key" };
  expect(await status("/open")).toBe(200);
  for (const url of ["/inside", "/workspace"]) {
    expect(await status(url)).toBe(401);
    expect(await status(url, headers)).toBe(200);
  }
  expect(guard.verified.map(({ requirements }) => requirements)).toEqual([
    undefined,
    undefined,
    { workspaceId: "ws_1" },
  ]);
  await app.close();
});
