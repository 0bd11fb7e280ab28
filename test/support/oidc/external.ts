import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { type AppOptions, type Clients, type Owner, startApp, startBeside, type TestApp } from "../app.ts";
import { audience, startIssuer, type TestIssuer } from "./issuer.ts";

/** An entry of `LATCHKEY_OIDC_ISSUERS`. */
export type IssuerSetting = Record<string, unknown>;

type Headers = Record<string, string>;

/** A service that trusts one issuer of the test's own. */
export interface ExternalApp {
  app: TestApp;
  issuer: TestIssuer;
  /** The clients of somebody with a token of these claims. */
  as(claims?: Record<string, unknown>, headers?: Headers): Promise<Clients>;
  /** The same, of a service on the same database whose settings say more, or something else, of the issuer. */
  asWith(setting: IssuerSetting, claims: Record<string, unknown>, headers?: Headers): Promise<Clients>;
  /** The clients of any token there; without a setting the service trusts no issuer. */
  clientWith(setting: IssuerSetting | undefined, token: string, headers?: Headers): Promise<Clients>;
}

/** Starts a service for a test file that trusts an issuer of its own for every account. Read it only inside tests. */
export function useExternal(more: IssuerSetting = {}, options: AppOptions = {}): ExternalApp {
  const external = {} as ExternalApp;
  let end: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const issuer = await startIssuer();
    const env = issuersEnv({ issuer: issuer.url, ...more });
    const started = await startApp(env, options);
    const others = new Map<string, Awaited<ReturnType<typeof startBeside>>>();
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
        const other = others.get(key) ?? (await startBeside(started.app, otherEnv));
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

/** The setting for some issuers: our audience, every account, where nothing else is said. */
export function issuersEnv(...issuers: IssuerSetting[]): Record<string, string> {
  const entries = issuers.map((issuer) => ({ audience, accounts: "*", ...issuer }));
  return { LATCHKEY_OIDC_ISSUERS: JSON.stringify(entries) };
}

/** A subject that nobody has used. */
export function newSubject(): string {
  return `subject-${randomUUID()}`;
}

/** Makes the person behind a subject a member of an account by an invite, and returns the id of their profile. */
export async function join(
  owner: Owner,
  person: Clients,
  role: string,
  email = `${randomUUID()}@example.com`,
): Promise<string> {
  const { invite } = await owner.invites.createInvite({ email, role });
  const accepted = await person.invites.acceptInvite({
    id: invite?.metadata?.id,
    token: invite?.spec?.token,
  });
  return accepted.profile?.metadata?.id ?? "";
}
