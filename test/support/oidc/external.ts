import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { joinSignedIn, newEmail } from "../actors/actors.ts";
import { type Clients, type Owner, startApp, startOnPools, type TestApp } from "../app.ts";
import type { AppOptions } from "../instance.ts";
import { audience, startIssuer, type TestIssuer } from "./issuer.ts";

/** An entry of `LATCHKEY_OIDC_ISSUERS`. */
export type IssuerSetting = Record<string, unknown>;

type Headers = Record<string, string>;

/** A service that trusts one external issuer of the test. */
export interface ExternalApp {
  app: TestApp;
  issuer: TestIssuer;
  /** Returns the clients of a person whose token has these claims. */
  as(claims?: Record<string, unknown>, headers?: Headers): Promise<Clients>;
  /** Returns the same at another service on the same database, which has other settings for the issuer. */
  asWith(setting: IssuerSetting, claims: Record<string, unknown>, headers?: Headers): Promise<Clients>;
  /** Returns the clients of any token at such a service. Without a setting, the service trusts no issuer. */
  clientWith(setting: IssuerSetting | undefined, token: string, headers?: Headers): Promise<Clients>;
}

/** Starts a service for a test file. It trusts its own issuer for every account. Use the result only inside tests. */
export function useExternal(more: IssuerSetting = {}, options: AppOptions = {}): ExternalApp {
  const external = {} as ExternalApp;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const issuer = await startIssuer();
    const env = issuersEnv({ issuer: issuer.url, ...more });
    const started = await startApp(env, options);
    const others = new Map<string, Awaited<ReturnType<typeof startOnPools>>>();
    Object.assign(external, {
      app: started.app,
      issuer,
      async as(claims = {}, headers = {}) {
        return started.app.clientAs(await issuer.token(claims), headers);
      },
      async asWith(setting, claims, headers = {}) {
        return external.clientWith(setting, await issuer.token(claims), headers);
      },
      async clientWith(setting, token, headers = {}) {
        const entry = { issuer: issuer.url, ...more, ...setting };
        const otherEnv = setting ? issuersEnv(entry) : {};
        const key = JSON.stringify(otherEnv);
        const other = others.get(key) ?? (await startOnPools(started.app, otherEnv));
        others.set(key, other);
        return other.app.clientAs(token, headers);
      },
    } satisfies ExternalApp);
    end = async () => {
      for (const other of others.values()) await other.end();
      await started.end();
      await issuer.close();
    };
  });
  afterAll(() => end?.());
  return external;
}

/** Returns the setting for issuers. The defaults are the audience of the tests and every account. */
export function issuersEnv(...issuers: IssuerSetting[]): Record<string, string> {
  const entries = issuers.map((issuer) => ({ audience, accounts: "*", ...issuer }));
  return { LATCHKEY_OIDC_ISSUERS: JSON.stringify(entries) };
}

/** Returns an unused subject. */
export function newSubject(): string {
  return `subject-${randomUUID()}`;
}

/** Invites a person to an account. The person accepts. Returns the id of the new profile. */
export function join(owner: Owner, person: Clients, role: string, email = newEmail()): Promise<string> {
  return joinSignedIn(owner, person, email, role);
}
