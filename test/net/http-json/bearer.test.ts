import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { authorizationOf, withAuthorization } from "../../../src/net/http-json/bearer.ts";

const token = "lk_live_abc";

test.each<[name: string, headers: Record<string, string>, authorization: string | undefined]>([
  ["no header", {}, undefined],
  ["an empty X-Api-Key", { "x-api-key": "" }, undefined],
  ["Bearer", { authorization: `Bearer ${token}` }, `Bearer ${token}`],
  ["Token", { authorization: `Token ${token}` }, `Bearer ${token}`],
  ["TOKEN", { authorization: `TOKEN   ${token}` }, `Bearer ${token}`],
  ["X-Api-Key beside an empty Authorization", { authorization: "", "x-api-key": token }, `Bearer ${token}`],
  ["X-Api-Key", { "x-api-key": token }, `Bearer ${token}`],
  ["both, and the same", { authorization: `Token ${token}`, "x-api-key": token }, `Bearer ${token}`],
  ["another scheme", { authorization: "Basic abc" }, "Basic abc"],
])("%s stands for the right Authorization header", (_name, headers, authorization) => {
  const reader = withAuthorization(new Headers(headers));
  expect(authorizationOf(new Headers(headers))).toBe(authorization);
  expect(reader.get("authorization")).toBe(authorization ?? null);
  expect(reader.has("authorization")).toBe(authorization !== undefined);
});

test.each([
  { authorization: "Bearer lk_live_abd" },
  { authorization: "Token x" },
  { authorization: "Basic abc" },
])("X-Api-Key beside $authorization is refused, without a word of either", (other) => {
  const read = () => authorizationOf(new Headers({ ...other, "x-api-key": token }));
  expect(read).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
  expect(read).not.toThrow(token);
});

test("all other headers stay as they are", () => {
  const reader = withAuthorization(new Headers({ "latchkey-account": "acct_1", "x-api-key": token }));
  expect(reader.get("latchkey-account")).toBe("acct_1");
  expect(reader.get("x-request-id")).toBeNull();
});
