import type { Page } from "playwright-core";
import { password, type TestApp } from "../app.ts";

/** A list of the console without items. */
export interface EmptyList {
  /** The name of its pictures. */
  name: string;
  title: string;
  /** Its address below `/console`. */
  address: string;
  /** Its heading. */
  heading: string;
  /** Whether the account has a key and a team, which the list or its commands name. */
  needs?: true;
}

/** The lists of the console that can be empty. `KEY` and `TEAM` stand for ids. */
export const emptyLists: readonly EmptyList[] = [
  { name: "keys", title: "API keys", address: "/keys", heading: "No keys yet" },
  {
    name: "keys-usage",
    title: "Usage of a key",
    address: "/keys?key=KEY",
    heading: "No verification in this time",
    needs: true,
  },
  { name: "workspaces", title: "Workspaces", address: "/workspaces", heading: "No workspaces yet" },
  { name: "invites", title: "Invites", address: "/invites", heading: "No pending invites" },
  { name: "teams", title: "Teams", address: "/teams", heading: "No teams yet" },
  {
    name: "teams-one",
    title: "Team",
    address: "/teams/TEAM",
    heading: "No people in this team",
    needs: true,
  },
  {
    name: "service-accounts",
    title: "Service accounts",
    address: "/service-accounts",
    heading: "No service accounts yet",
    needs: true,
  },
  {
    name: "audit",
    title: "Audit log",
    address: "/audit?from=2026-01-01&to=2026-01-02",
    heading: "No events",
  },
  { name: "usage", title: "Usage", address: "/usage", heading: "No verifications in this time" },
];

/** Makes an account with nothing in it, and one with a key and a team. Returns how to open the lists of both. */
export async function makeEmptyScene(app: TestApp) {
  const owner = (email: string, accountName: string) =>
    app.clientAs("").sessions.signUp({ email, password, name: "Grace Hopper", accountName });
  const nothing = await owner("grace@initech.example", "Initech");
  const some = await owner("grace@globex.example", "Globex");
  const { apiKeys, teams } = app.clientAs(some.token);
  const { apiKey } = await apiKeys.createApiKey({ metadata: { name: "Billing webhook" } });
  const { team } = await teams.createTeam({ metadata: { name: "Platform" }, spec: { roles: ["developer"] } });
  const address = (one: EmptyList) =>
    one.address.replace("KEY", apiKey?.metadata?.id ?? "").replace("TEAM", team?.metadata?.id ?? "");
  return { nothing, some, address, isInSome: (one: EmptyList) => one.needs === true };
}

/** Waits until a list says that it is empty. */
export async function untilEmpty(tab: Page, { name, heading }: EmptyList): Promise<void> {
  if (name === "keys-usage") await tab.getByRole("tab", { name: "Usage" }).click();
  await tab.getByRole("heading", { name: heading }).waitFor();
}
