import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from "vitest";
import { openHeavyTenant } from "../../attack/heavy-tenant.ts";
import { beforeTheBounds } from "../../attack/isolation.ts";
import { openStage } from "../../attack/stage.ts";
import { long } from "../support/long.ts";
import { preparePostgres } from "../support/server/data-directory.ts";

const seconds = long ? 2 : 1;
const sockets = 2_000;
beforeAll(() => void vi.stubEnv("NODE_COMPILE_CACHE", inject("compileCache")));
afterAll(() => void vi.unstubAllEnvs());

const [crowd, people, resetter] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

// Runs the attacks of `npm run attack` at the same time, with less load. Measures no latencies, because other tests use the
// machine too.
test("during attacks, no request of another tenant is refused or gets a wrong response, and the attackers are limited", async () => {
  const stack = new AsyncDisposableStack();
  onTestFinished(() => stack.disposeAsync());
  const stage = await openStage(stack, 2 * seconds, {
    program: [inject("programs").latchkey, "serve"],
    postgres: await preparePostgres(),
  });
  const heavy = await openHeavyTenant(stage, "heavy", { ...beforeTheBounds, workspaces: 100 }, 6);
  const [[signUps, principals, idle, resets] = [], seen] = await Promise.all([
    stage.attack([
      { name: "signUps", seconds, address: people },
      { name: "heavyPrincipals", seconds, heavy },
      { name: "idleSockets", seconds, address: crowd, sockets },
      { name: "rapidReset", seconds, address: resetter },
      { name: "slowPasswords", seconds },
      { name: "logIns", seconds },
    ]),
    stage.watch(seconds),
  ]);

  expect(await stage.revive()).toBe(false);
  for (const series of seen.series) expect(series).toMatchObject({ failures: {} });
  const sent = seen.series.map(({ latencies }) => latencies.length);
  expect(sent).toEqual([100 * seconds, 10 * seconds, 10 * seconds]);

  expect(signUps?.RATE_LIMITED).toBeGreaterThan(0);
  // On a slow machine, the look-ups of the heavy principals can be overdue. Then they get `UNAVAILABLE`.
  expect(["ok", "UNAVAILABLE"]).toEqual(expect.arrayContaining(Object.keys(principals ?? {})));
  expect(idle?.["closed by the server"]).toBeGreaterThan(0);
  expect(Object.keys(resets ?? {})).toEqual(["closed by the server"]);

  const afterwards = async () => {
    const [counts = {}] = await stage.attack([{ name: "heavyPrincipals", seconds: 0.2, heavy }]);
    return Object.keys(counts);
  };
  await expect.poll(afterwards).toEqual(["ok"]);
});
