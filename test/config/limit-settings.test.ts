import { expect, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { problemsOf } from "../support/config.ts";

test("the address of Redis comes from its URL", () => {
  const { redis } = readConfig({ LATCHKEY_REDIS_URL: "rediss://some%40user:pass@[::1]:6390/2" });
  expect(redis).toEqual({
    host: "::1",
    port: 6390,
    tls: true,
    username: "some@user",
    password: "pass",
    database: 2,
  });
  expect(readConfig({ LATCHKEY_REDIS_URL: "redis://cache" }).redis).toMatchObject({
    host: "cache",
    port: 6379,
    tls: false,
  });
  for (const wrong of [
    "cache:6379",
    "redis://",
    "redis://cache/name",
    "redis://cache?tls=true",
    "redis://%zz@cache",
  ]) {
    expect(problemsOf({ LATCHKEY_REDIS_URL: wrong })).toEqual([
      "LATCHKEY_REDIS_URL: expected a URL such as redis://user:password@host:6379/0, or rediss:// for TLS",
    ]);
  }
});

test("a password of Redis that would travel in plain text is a warning", () => {
  const warningsOf = (url: string) => readConfig({ LATCHKEY_REDIS_URL: url }).warnings;
  expect(warningsOf("redis://:pass@cache")).toEqual([
    expect.stringContaining("LATCHKEY_REDIS_URL has no TLS"),
  ]);
  for (const fine of ["rediss://:pass@cache", "redis://:pass@127.0.0.1", "redis://cache"]) {
    expect(warningsOf(fine)).toEqual([]);
  }
});
