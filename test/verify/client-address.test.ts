import { createHash } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test.each(["somewhere", "1.2.3", "fe80::1%eth0"])(
  "a client address must be an IP address, not %j",
  async (clientAddress) => {
    const { tokens } = app.clientAs(app.platformToken);
    await expect(tokens.verifyToken({ token: "x", clientAddress })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining("client_address"),
    });
    const requests = [
      { token: "x", clientAddress: "203.0.113.7" },
      { token: "x", clientAddress },
    ];
    await expect(tokens.batchVerifyTokens({ requests })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringContaining("requests[1].client_address"),
    });
  },
);

test("each token of a key has an id of its own, and a refused token and a session have none", async () => {
  const owner = await app.newAccount();
  const { tokens } = app.clientAs(app.platformToken);
  const { id, token } = await issueKey(owner);
  const first = await tokens.verifyToken({ token });
  expect(first.tokenId).toMatch(/^[0-9a-f]{24}$/);
  expect((await tokens.verifyToken({ token, fresh: true })).tokenId).toBe(first.tokenId);
  const digest = createHash("sha256").update(token).digest();
  expect(first.tokenId).toBe(createHash("sha256").update(digest).digest("hex").slice(0, 24));
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id });
  const next = await tokens.verifyToken({ token: apiKey?.spec?.token ?? "" });
  expect(next.tokenId).toMatch(/^[0-9a-f]{24}$/);
  expect(next.tokenId).not.toBe(first.tokenId);
  expect((await tokens.verifyToken({ token })).tokenId).toBe("");
  expect((await tokens.verifyToken({ token: owner.token })).tokenId).toBe("");
});
