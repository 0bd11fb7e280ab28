import { createRouterTransport } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { type ReportUsageRequest, UsageService } from "../../gen/latchkey/v1/usage_service_pb.ts";
import { addressOf } from "../../src/guard/client-address.ts";
import { startUsageReporter } from "../../src/guard/usage.ts";
import { newUsageCounter } from "../../src/guard/usage-counter.ts";
import { issueKey, useApp } from "../support/app.ts";
import { openGuard, verifierOf } from "../support/guard/guard.ts";

const app = useApp();

test("a guard that closes has reported every verification that it answered, with the last client address", async () => {
  const owner = await app.newAccount();
  const guard = await openGuard(app, await verifierOf(owner));
  const keys = [await issueKey(owner), await issueKey(owner)];
  let accepted = 0;
  for (const { token } of keys) {
    await guard.ready();
    for (let times = 0; times < 100; times++) {
      const clientAddress = times < 99 ? "203.0.113.9" : "2001:db8::7";
      accepted += (await guard.verify(token, { clientAddress })).valid ? 1 : 0;
    }
  }
  expect(accepted).toBe(200);
  expect(guard.state().cacheHits).toBeGreaterThan(0);
  // What the server itself has seen is written first.
  await app.app.flush();
  await guard.close();
  await app.app.flush();
  const { total } = await owner.usage.getUsage({});
  expect(total).toBe(200n);
  for (const { id } of keys) {
    const { apiKey } = await owner.apiKeys.getApiKey({ id });
    expect(apiKey?.info?.tokens[0]?.lastClientAddress).toBe("2001:db8::7");
    expect(apiKey?.info?.lastUsedAt).toBeDefined();
  }
});

test("a batch whose response was lost is sent again with the same id, and later counts have another one", async () => {
  const received: ReportUsageRequest[] = [];
  let fails = true;
  const transport = createRouterTransport(({ service }) => {
    service(UsageService, {
      reportUsage(request) {
        received.push(request);
        if (fails) throw new Error("the response is lost");
        return {};
      },
    });
  });
  const reporter = startUsageReporter({ transport, headers: {}, abort: () => undefined });
  const counter = newUsageCounter("key_1", "token_1");
  reporter.record(counter, 1_000, "203.0.113.9");
  reporter.record(counter, 2_000, undefined);
  await reporter.flush();
  reporter.record(counter, 3_000, "not an address");
  fails = false;
  await reporter.close();
  const [lost, again, later] = received;
  expect(lost?.items).toMatchObject([{ keyId: "key_1", count: 2, clientAddress: "203.0.113.9" }]);
  expect(again).toEqual(lost);
  expect(later?.batchId).not.toBe(lost?.batchId);
  expect(later?.items).toMatchObject([{ tokenId: "token_1", count: 1, clientAddress: "" }]);
  expect(received).toHaveLength(3);
});

test("an interval that is too long for a timer does not make the guard report all the time", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  let reports = 0;
  const transport = createRouterTransport(({ service }) => {
    service(UsageService, {
      reportUsage() {
        reports += 1;
        return {};
      },
    });
  });
  const reporter = startUsageReporter({ transport, headers: {}, abort: () => undefined });
  reporter.setInterval(2 ** 32 - 1);
  const counter = newUsageCounter("key_1", "token_1");
  // The timer of the usual interval is set already, and sets the next one.
  await vi.advanceTimersByTimeAsync(5_000);
  reporter.record(counter, 1_000, undefined);
  for (let turn = 0; turn < 100; turn++) {
    await vi.advanceTimersByTimeAsync(1);
    await new Promise(setImmediate);
  }
  expect(reports).toBe(0);
  await reporter.close();
  expect(reports).toBe(1);
});

test("the usage of many tokens travels in several batches", async () => {
  const sizes: number[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(UsageService, {
      reportUsage({ items }) {
        sizes.push(items.length);
        return {};
      },
    });
  });
  const reporter = startUsageReporter({ transport, headers: {}, abort: () => undefined });
  for (let n = 0; n < 1_200; n++) reporter.record(newUsageCounter(`key_${n}`, ""), 1, undefined);
  await reporter.close();
  expect(sizes).toEqual([500, 500, 200]);
});

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "::ffff:203.0.113.9"],
  ["fe80::1%eth0", "fe80::1"],
  ["localhost", ""],
  [undefined, ""],
])("the client address %s is recorded as %s", (given, recorded) => {
  expect(addressOf(given)).toBe(recorded);
});
