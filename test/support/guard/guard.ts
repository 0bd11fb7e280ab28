import { onTestFinished } from "vitest";
import { createGuardOf, type GuardParts, productionGuardParts } from "../../../src/guard/create-guard.ts";
import type { Guard, GuardEvent, GuardOptions } from "../../../src/guard/types.ts";
import { issueKey, type Owner, type SharedApp } from "../app.ts";
import { openTestPort } from "../net/net.ts";

/** A guard of a test, and the events that it has reported. */
export interface TestGuard extends Guard {
  events: GuardEvent[];
}

/** Opens a port of an app until the test ends, and returns its URL. */
export async function openAppPort({ app }: Pick<SharedApp, "app">): Promise<string> {
  return (await openTestPort({ handler: app.handler, plain: app.plain })).url;
}

/** Opens a guard until the test ends. Without a URL, it connects to a new port of the app. */
export async function openGuard(
  app: Pick<SharedApp, "app">,
  token: string,
  options: Partial<GuardOptions> = {},
  parts: GuardParts = productionGuardParts,
): Promise<TestGuard> {
  const events: GuardEvent[] = [];
  const url = options.url ?? (await openAppPort(app));
  const guard = createGuardOf({ onEvent: (event) => events.push(event), ...options, url, token }, parts);
  onTestFinished(() => guard.close());
  return { ...guard, events };
}

/** Issues a key of an account that may verify its tokens, and returns the token. */
export async function verifierOf(owner: Owner): Promise<string> {
  return (await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token;
}
