import { type ApiKey, ApiKeyKind, ApiKeyState, Environment } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Tone } from "../../ui/banner.tsx";
import type { Choice } from "../../ui/field.tsx";
import type { EnvironmentName, KindName, StateName } from "./filter.ts";

/** The kinds of key, as choices. */
export const kindChoices: readonly Choice<KindName>[] = [
  { value: "application", label: "Application" },
  { value: "service", label: "Service" },
  { value: "developer", label: "Developer" },
];
/** The environments, as choices. */
export const environmentChoices: readonly Choice<EnvironmentName>[] = [
  { value: "live", label: "Live" },
  { value: "test", label: "Test" },
];
/** The states, as choices. */
export const stateChoices: readonly Choice<StateName>[] = [
  { value: "active", label: "Active" },
  { value: "disabled", label: "Disabled" },
  { value: "expired", label: "Expired" },
  { value: "revoked", label: "Revoked" },
];

/** Returns the word for the kind of a key. */
export function kindWord(key: ApiKey): string {
  if (key.spec?.system) return "System";
  if (key.spec?.kind === ApiKeyKind.SERVICE) return "Service";
  return key.spec?.kind === ApiKeyKind.DEVELOPER ? "Developer" : "Application";
}

/** Returns the word for the environment of a key. It is empty for a key that is valid in both. */
export function environmentWord(key: ApiKey): string {
  if (key.spec?.environment === Environment.LIVE) return "Live";
  return key.spec?.environment === Environment.TEST ? "Test" : "";
}

/** Returns the word for the state of a key, with its colour. */
export function stateWord(key: ApiKey): { word: string; tone: Tone } {
  if (key.state === ApiKeyState.DISABLED) return { word: "Disabled", tone: "warning" };
  if (key.state === ApiKeyState.EXPIRED) return { word: "Expired", tone: "neutral" };
  if (key.state === ApiKeyState.REVOKED) return { word: "Revoked", tone: "danger" };
  return { word: "Active", tone: "success" };
}

/** Returns the name of a key. */
export function nameOf(key: ApiKey): string {
  return key.metadata?.name ?? "";
}

/** Returns the id of a key. */
export function idOf(key: ApiKey): string {
  return key.metadata?.id ?? "";
}

/** Returns a text that names a number of things, such as "1 key" or "1,024 keys". */
export function count(number: number | bigint, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${Number(number) === 1 ? "" : "s"}`;
}
