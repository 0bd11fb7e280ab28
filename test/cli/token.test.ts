import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { runCli } from "../support/cli/run-cli.ts";
import { useCliScene } from "../support/cli/scene.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const scene = useCliScene(app);

test("verify has exit code 0 for a valid token, and 1 with the verdict for any other", async () => {
  const key = await issueKey(scene.owner, { spec: { permissions: ["agents:read"] } });
  const valid = await scene.run(["verify"], { stdin: `${key.token}\n` });
  expect(valid).toMatchObject({ code: 0, stderr: "" });
  expect(valid.stdout).toMatch(/^verdict +valid\n/);
  expect(valid.stdout).toMatch(new RegExp(`^key +${key.id}$`, "m"));
  const denied = await scene.run(["verify", "--permission", "agents:write"], { stdin: key.token });
  expect(denied).toMatchObject({ code: 1, stderr: "latchkey: the token is not valid: permission-denied\n" });
  expect(denied.stdout).toMatch(/permission +agents:write/);
  await scene.owner.apiKeys.revokeApiKey({ id: key.id });
  const revoked = await scene.run(["verify", "--json"], { stdin: key.token });
  expect(revoked.code).toBe(1);
  expect(JSON.parse(revoked.stdout)).toMatchObject({ valid: false, verdict: "VERDICT_REVOKED" });
});

test("several tokens are verified at once, and one that is not valid decides the exit code", async () => {
  const [a, b] = [await issueKey(scene.owner), await issueKey(scene.owner)];
  const both = scene.file("tokens", `${a.token}\n${b.token}\n`);
  expect(await scene.run(["verify", "--file", both, "--quiet"])).toMatchObject({
    code: 0,
    stdout: `${a.id}\n${b.id}\n`,
  });
  await scene.owner.apiKeys.disableApiKey({ id: b.id });
  const end = await scene.run(["verify", "--file", both]);
  expect(end).toMatchObject({ code: 1, stderr: "latchkey: 1 of 2 tokens is not valid\n" });
  expect(end.stdout).toMatch(/valid[\s\S]*disabled/);
});

test("with --dry-run, verify explains each rule", async () => {
  const key = await issueKey(scene.owner);
  const end = await scene.run(["verify", "--dry-run", "--permission", "runs:start"], { stdin: key.token });
  expect(end.code).toBe(1);
  expect(end.stdout).toMatch(/rule permission +FAILED: /);
  expect(end.stdout).toMatch(/rule token +passed: /);
});

test("a token as an argument is refused with the reason, in any form", async () => {
  for (const args of [
    ["verify", "eyJhbGciOi.eyJzdWIi.sig"],
    ["token", "check", "anything"],
    ["token", "revoke", "x"],
  ]) {
    const end = await scene.run(args);
    expect(end).toMatchObject({ code: 2, stdout: "" });
    expect(end.stderr).toMatch(
      /a token cannot be an argument, because every user .* stdin or with --file FILE/,
    );
    expect(end.stderr).not.toContain(args.at(-1));
  }
});

test("token check works without a server, and tells a typing error from another text", async () => {
  const { token, id } = await issueKey(scene.owner);
  const check = (stdin: string, ...args: string[]) => runCli(["token", "check", ...args], { stdin });
  expect(await check(token)).toMatchObject({
    code: 0,
    stdout: `the form and the checksum are right: kind live, id ${id}, prefix lk\n`,
  });
  expect(JSON.parse((await check(token, "--json")).stdout)).toEqual({
    valid: true,
    kind: "live",
    id,
    prefix: "lk",
  });
  const typo = `${token.slice(0, -8)}${token.at(-8) === "a" ? "b" : "a"}${token.slice(-7)}`;
  expect(await check(typo)).toMatchObject({
    code: 1,
    stderr: "latchkey: the checksum is wrong, so the token has a typing error\n",
  });
  expect(await check("hello")).toMatchObject({ code: 1, stderr: "latchkey: this is no token of Latchkey\n" });
});

test("token revoke ends a token without any other credential", async () => {
  const key = await issueKey(scene.owner);
  const env = { XDG_CONFIG_HOME: `${scene.directory}/nobody` };
  expect(await scene.run(["token", "revoke", "--yes"], { stdin: key.token, env })).toMatchObject({ code: 0 });
  expect(await scene.run(["verify"], { stdin: key.token })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/revoked/),
  });
});

test("whoami shows when the bearer expires, and no such line for a bearer without an end", async () => {
  const expiresAt = timestampFromDate(new Date(Date.UTC(2999, 0, 1)));
  const ending = await issueKey(scene.owner, { spec: { expiresAt } });
  const whoami = async (token: string) =>
    (await scene.run(["whoami"], { env: { LATCHKEY_TOKEN: token } })).stdout.replaceAll(/ +/g, " ");
  expect(await whoami(ending.token)).toContain("\nexpires 2999-01-01 00:00:00Z\n");
  expect(await whoami((await issueKey(scene.owner)).token)).not.toContain("\nexpires ");
});
