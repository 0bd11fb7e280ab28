import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { TestApp } from "../app.ts";
import { pathOf } from "../net/http.ts";
import { isRead, nameOf, validRequest } from "../schema/requests.ts";
import { openStallingClient, type StallingClient } from "./client.ts";
import { type Loss, reasons } from "./exempt.ts";
import { type Choice, type Exempt, planCases, type StalledCase } from "./plan.ts";
import { type Protocol, type ProtocolName, protocols, reasonOf } from "./protocol.ts";
import { type Bearer, createStage, type Scene, type Stage } from "./scene.ts";
import { changedTables, tableDigests } from "./tables.ts";

/** The service to stall, and the cases. */
export interface StalledOptions extends Choice {
  app: TestApp;
  /** Called with the result of each case. */
  onCase?(result: StalledResult): void;
}

/** The result of a case. */
export interface StalledResult {
  rpc: string;
  protocol: ProtocolName;
  loss: Loss;
  /** How the same call ends if the bearer keeps its authority. */
  control: string;
  /** How the call ended whose bearer lost its authority while the body was incomplete. */
  outcome: string;
  /** How the auth interceptor rejects another such call of that bearer. */
  rejection: string;
  expected: string;
  /** The tables whose contents the call changed. */
  changed: string[];
  held: boolean;
}

/** The results of all cases. */
export interface StalledSummary {
  results: StalledResult[];
  failed: StalledResult[];
  exempt: Exempt[];
  /**
   * A table with a line for each protocol and a column for each loss: the number of cases, and the number of failed
   * ones.
   */
  table: string;
}

/**
 * Stalls RPCs. For each case it sends the headers and a part of the body, and takes the authority of the bearer away by
 * another call. It waits for the response of that call and then sends the rest. The stalled call must fail with the
 * reason of the auth interceptor and change nothing. Each call also runs without the loss and must succeed. Needs no
 * test runner.
 */
export async function runStalledBodies(options: StalledOptions): Promise<StalledSummary> {
  const { app, onCase } = options;
  const { cases, exempt } = planCases(options);
  const client = await openStallingClient(app.app);
  const results: StalledResult[] = [];
  try {
    const stage = await createStage(app);
    for (const one of cases) {
      const result = await runCase(app, client, stage, one);
      results.push(result);
      onCase?.(result);
    }
  } finally {
    await client.close();
  }
  return { results, failed: results.filter(({ held }) => !held), exempt, table: tableOf(results) };
}

// After these calls succeed, no bearer or nothing is left for another call.
const ends = /\/(DeleteAccount|SuspendAccount|LogOut|ChangePassword|DeleteUser)$/;

async function runCase(
  app: TestApp,
  client: StallingClient,
  stage: Stage,
  one: StalledCase,
): Promise<StalledResult> {
  const { method, protocol, loss } = one;
  const rpc = nameOf(method);
  const begin = (bearer: Bearer, message: Message) => beginCall(client, protocol, bearer, method, message);
  const newRequest = (scene: Scene) => validRequest(app, scene.owner, method);

  const kept = await stage.scene(method, loss);
  const first = await newRequest(kept);
  const control = await (await begin(kept.bearer, first))();

  const scene = ends.test(rpc) ? await stage.scene(method, loss) : kept;
  // A read can be repeated, and then gets a cached response if the fast path has one.
  const message = isRead(method) ? first : await newRequest(scene);
  const stalled = await begin(scene.bearer, message);
  await scene.bearer.lose();
  const before = await tableDigests(app.pool);
  const outcome = await stalled();
  const changed = changedTables(before, await tableDigests(app.pool));
  const rejection = await (await begin(scene.bearer, message))();
  const expected = reasons[loss];
  const held = control === "ok" && outcome === expected && rejection === expected && changed.length === 0;
  return { rpc, protocol, loss, control, outcome, rejection, expected, changed, held };
}

/**
 * Sends the headers of a call and half of its body. Resolves when its bearer has passed the auth interceptor. The
 * result sends the rest and returns how the call ended.
 */
export async function beginCall(
  client: StallingClient,
  protocol: ProtocolName,
  { token, headers }: Pick<Bearer, "token" | "headers">,
  method: DescMethod,
  message: Message,
): Promise<() => Promise<string>> {
  const wire: Protocol = protocols[protocol];
  const target = wire.target?.(method, message) ?? { path: pathOf(method) };
  const stalled = await client.begin({
    protocol: wire,
    ...target,
    headers: { ...headers, authorization: `Bearer ${token}` },
    body: wire.encode(method, message),
  });
  return async () => reasonOf(wire.decode(await stalled.finish()));
}

function tableOf(results: StalledResult[]): string {
  const ways = [...new Set(results.map(({ loss }) => loss))];
  const lines = [...Map.groupBy(results, ({ protocol }) => protocol)].map(([protocol, ofProtocol]) => {
    const cells = ways.map((way) => {
      const ofWay = ofProtocol.filter(({ loss }) => loss === way);
      const failed = ofWay.filter(({ held }) => !held).length;
      return failed > 0 ? `${ofWay.length}, ${failed} failed` : `${ofWay.length}`;
    });
    return `| ${[protocol, ...cells].join(" | ")} |`;
  });
  const head = `| protocol | ${ways.join(" | ")} |`;
  return [head, head.replaceAll(/[^|]+/g, " --- "), ...lines].join("\n");
}
