import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { issueKey, type Owner, password, useApp } from "../support/app.ts";
import { type Answer, serve } from "../support/net/http.ts";
import { isRead, methods, validRequest } from "../support/schema/requests.ts";

const app = useApp();

const lineOf = (response: Answer) =>
  app.logLines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ requestId }) => requestId === response.headers.get("x-request-id"));

test("each call is one log line with its request id, method, code, duration and principal", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const key = await issueKey(owner);
  const principal = { accountId: owner.account.metadata?.id, profileId: key.info?.profileId, keyId: key.id };
  const headers = { "x-request-id": "my-request-1" };
  const response = await http.post(ProfileService.method.whoAmI, { token: key.token, headers });
  await expect
    .poll(() => lineOf(response))
    .toMatchObject([
      {
        msg: "call",
        requestId: "my-request-1",
        method: "latchkey.v1.ProfileService/WhoAmI",
        code: "ok",
        status: 200,
        milliseconds: expect.any(Number),
        address: "127.0.0.1",
        ...principal,
      },
    ]);
  const refused = await http.post(ApiKeyService.method.getApiKey, {
    token: owner.token,
    body: { id: "key_1" },
  });
  await expect
    .poll(() => lineOf(refused))
    .toMatchObject([{ code: "not_found", reason: "NOT_FOUND", status: 404 }]);
});

test("the server replaces a request id that could be a secret", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  for (const id of [owner.token, owner.token.slice(-38), "x".repeat(37), "a b", "a.b", '"quoted"']) {
    const sent = { token: owner.token, headers: { "x-request-id": id } };
    const response = await http.post(ProfileService.method.whoAmI, sent);
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("no log line and no metric contains a token, password or e-mail address, and no metric an id, for any method", async () => {
  const http = await serve(app);
  const secrets: string[] = [password, "@example.com"];
  let unchanged: Owner | undefined;
  for (const method of methods) {
    const owner = unchanged ?? (await app.newAccount());
    // The next method uses the account of a read.
    unchanged = isRead(method) ? owner : undefined;
    const key = await issueKey(owner, { spec: { permissions: ["*"] } });
    const request = toJson(method.input, await validRequest(app, owner, method)) as JsonObject;
    for (const token of [owner.token, key.token]) {
      secrets.push(token.slice(-38));
      await http.post(method, { token, body: { ...request, [token]: token } });
      const response = await http.post(method, { token, body: request, headers: { "x-request-id": token } });
      secrets.push(
        ...[...response.text.matchAll(/_[0-9a-z]{26}([0-9A-Za-z]{38})/g)].map(([, secret = ""]) => secret),
      );
    }
    const headers = { "x-request-id": key.token };
    await http.get(`/x/${key.token}?token=${key.token}`, { token: key.token, headers });
    await http.get(`/${method.parent.typeName}/${key.token}`, { headers });
  }
  const lines = app.logLines.join("");
  expect(app.logLines.length).toBeGreaterThan(4 * methods.length);
  const help =
    "a line contains a secret: do not log the value, or give its field the option `(redact) = true`";
  expect(
    secrets.filter((secret) => lines.includes(secret)),
    help,
  ).toEqual([]);
  expect(lines, "a valid request failed with an internal error: its cause is in the line").not.toContain(
    "this is a bug",
  );
  await expectNoSecretIn(secrets);
});

async function expectNoSecretIn(secrets: string[]): Promise<void> {
  const { body } = await app.metrics.render();
  for (const { name, parent } of methods) expect(body).toContain(`method="${parent.typeName}/${name}"`);
  const help = "use the value in no label of a metric";
  expect(body, help).not.toMatch(/[0-9a-hjkmnp-tv-z]{26}/);
  expect(
    [...secrets, "127.0.0.1"].filter((secret) => body.includes(secret)),
    help,
  ).toEqual([]);
}
