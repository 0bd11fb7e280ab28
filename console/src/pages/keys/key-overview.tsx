import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ReactNode } from "react";
import { type ApiKey, ApiKeyState, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { CopyText } from "../../ui/copy.tsx";
import { Facts } from "../../ui/layout.tsx";
import { Time } from "../../ui/time.tsx";
import { KindBadges, StateBadges } from "./key-table.tsx";
import { LiveTokens } from "./live-tokens.tsx";
import { count, idOf } from "./words.ts";

type Fact = readonly [name: string, value: ReactNode];

/** The facts about a key: its state, tokens, permissions, workspaces and origin. */
export function KeyOverview({ apiKey: key }: { apiKey: ApiKey }) {
  const revoked = key.state === ApiKeyState.REVOKED;
  return (
    <>
      {key.spec?.description && <p className="prewrap">{key.spec.description}</p>}
      {!revoked && <LiveTokens tokens={key.info?.tokens ?? []} />}
      <Facts facts={[...stateFacts(key), ...accessFacts(key), ...originFacts(key)]} />
    </>
  );
}

function stateFacts(key: ApiKey): Fact[] {
  const { info, spec } = key;
  return [
    ["State", <StateBadges key="state" apiKey={key} />],
    ...when("Revoked", info?.revokedAt),
    ...when("Disabled", info?.disabledAt),
    ["Expires", <Time key="expires" value={spec?.expiresAt} />],
    ["Last used", <Time key="used" value={info?.lastUsedAt} />],
    ["Id", <CopyText key="id" label="id" text={idOf(key)} />],
    ["Kind", <KindBadges key="kind" apiKey={key} />],
  ];
}

function accessFacts({ spec, info }: ApiKey): Fact[] {
  const limits = spec?.rateLimits ?? [];
  return [
    ["Permissions", <Codes key="permissions" texts={spec?.permissions ?? []} otherwise="none" />],
    ["Workspaces", workspacesOf(spec?.workspaceScope, info)],
    ...(limits.length > 0
      ? [
          [
            "Rate limits",
            limits
              .map(
                (one) =>
                  `${one.name}: ${one.limit.toLocaleString("en")} per ${periodOf(durationMs(one.period ?? ({ seconds: 0n, nanos: 0 } as never)))}`,
              )
              .join(", "),
          ] as const,
        ]
      : []),
    ...(info?.credits ? [["Credits", count(info.credits.remaining, "credit")] as const] : []),
  ];
}

function originFacts({ metadata, spec, info }: ApiKey): Fact[] {
  const labels = Object.entries(metadata?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const maker = info?.createdBy;
  const name = maker?.spec?.name || maker?.spec?.email || maker?.metadata?.id || "not known";
  return [
    ...(labels.length > 0 ? [["Labels", <Codes key="labels" texts={labels} otherwise="" />] as const] : []),
    ...(metadata?.externalId
      ? [["External id", <code key="external">{metadata.externalId}</code>] as const]
      : []),
    ...(spec?.serviceAccountId
      ? [["Service account", <CopyText key="owner" label="id" text={spec.serviceAccountId} />] as const]
      : []),
    [
      "Created",
      <span key="created">
        <Time value={metadata?.createdAt} /> by {maker?.via === "platform" ? "the platform" : name}
      </span>,
    ],
    ...(info?.mintedByKeyId
      ? [["Minted by key", <CopyText key="minted" label="id" text={info.mintedByKeyId} />] as const]
      : []),
  ];
}

function when(name: string, value: Parameters<typeof Time>[0]["value"]): Fact[] {
  return value ? [[name, <Time key={name} value={value} />]] : [];
}

function workspacesOf(scope: WorkspaceScope | undefined, info: ApiKey["info"]): string {
  if (scope === WorkspaceScope.ALL) return "all, also later ones";
  const total = info?.workspacesTotal ?? 0;
  const names = info?.workspacesPreview.map((one) => one.name) ?? [];
  if (total === 0) return "none";
  return total > names.length ? `${names.join(", ")} and ${total - names.length} more` : names.join(", ");
}

function Codes({ texts, otherwise }: { texts: readonly string[]; otherwise: string }) {
  if (texts.length === 0) return <span className="quiet">{otherwise}</span>;
  return (
    <span className="codes">
      {texts.map((text) => (
        <code key={text}>{text}</code>
      ))}
    </span>
  );
}

function periodOf(ms: number): string {
  const units = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
  ] as const;
  const [size, unit] = units.find(([size]) => ms >= size && ms % size === 0) ?? [1000, "second"];
  const number = ms / size;
  return number === 1 ? unit : count(number, unit);
}
