import { type ApiKey, ApiKeyState } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { useOwner } from "../../parts/rank.ts";
import { useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { actionsOf } from "./actions.ts";
import { soonDays } from "./filter.ts";
import type { KeyTask } from "./tasks.ts";
import { msOf } from "./token-story.ts";
import { count, environmentWord, idOf, kindWord, nameOf, stateWord } from "./words.ts";

const dayMs = 86_400_000;

/** The list of keys as a table. `onTask` runs when the user chooses something to do with a key. */
export function KeyTable({
  keys,
  busy,
  onTask,
}: {
  keys: readonly ApiKey[];
  busy: boolean;
  onTask(task: KeyTask): void;
}) {
  const session = useSession();
  const owner = useOwner();
  const columns: Column<ApiKey>[] = [
    {
      title: "Key",
      kind: "wide",
      cell: (key) => <KeyName apiKey={key} onOpen={() => onTask({ name: "details", key })} />,
    },
    { title: "Kind", cell: (key) => <KindBadges apiKey={key} /> },
    { title: "State", cell: (key) => <StateBadges apiKey={key} /> },
    { title: "Last used", cell: (key) => <Time value={key.info?.lastUsedAt} /> },
    { title: "Expires", cell: (key) => <Time value={key.spec?.expiresAt} /> },
    { title: "Created", optional: true, cell: (key) => <Time value={key.metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (key) => (
        <Menu
          label={`Actions for ${nameOf(key)}`}
          items={itemsOf(key, actionsOf(session, key, owner), onTask)}
        />
      ),
    },
  ];
  return <Table label="API keys" columns={columns} rows={keys} keyOf={idOf} busy={busy} />;
}

function itemsOf(
  key: ApiKey,
  may: ReturnType<typeof actionsOf>,
  onTask: (task: KeyTask) => void,
): readonly MenuItem[] {
  const item = (offered: boolean, label: string, name: KeyTask["name"], danger = false): MenuItem[] =>
    offered ? [{ label, danger, onSelect: () => onTask({ name, key } as KeyTask) }] : [];
  return [
    ...item(true, "Show details", "details"),
    ...item(may.edit, "Edit…", "edit"),
    ...item(may.rotate, "Rotate…", "rotate"),
    ...item(may.disable, "Disable…", "disable"),
    ...item(may.enable, "Enable…", "enable"),
    ...item(may.revoke, "Revoke…", "revoke", true),
  ];
}

function KeyName({ apiKey, onOpen }: { apiKey: ApiKey; onOpen(): void }) {
  const newest = apiKey.info?.tokens.at(-1);
  const labels = Object.entries(apiKey.metadata?.labels ?? {});
  return (
    <div className="key-name">
      <button type="button" className="link" onClick={onOpen}>
        {nameOf(apiKey)}
      </button>
      {newest && <code className="quiet">{shortHint(newest.hint)}</code>}
      {labels.length > 0 && (
        <span className="labels">
          {labels.slice(0, 3).map(([name, value]) => (
            <span className="label" key={name}>{`${name}=${value}`}</span>
          ))}
          {labels.length > 3 && <span className="quiet">{`+${labels.length - 3}`}</span>}
        </span>
      )}
    </div>
  );
}

/** Shows the kind and the environment of a key. */
export function KindBadges({ apiKey }: { apiKey: ApiKey }) {
  const environment = environmentWord(apiKey);
  return (
    <span className="badges">
      <Badge>{kindWord(apiKey)}</Badge>
      {environment && <Badge tone={environment === "Live" ? "accent" : "neutral"}>{environment}</Badge>}
    </span>
  );
}

/** Shows the state of a key, and what will soon change it. */
export function StateBadges({ apiKey }: { apiKey: ApiKey }) {
  const { word, tone } = stateWord(apiKey);
  const tokens = apiKey.info?.tokens.length ?? 1;
  const live = apiKey.state === ApiKeyState.ACTIVE || apiKey.state === ApiKeyState.DISABLED;
  const expiresMs = msOf(apiKey.spec?.expiresAt);
  const soon = live && expiresMs > 0 && expiresMs < Date.now() + soonDays * dayMs;
  return (
    <span className="badges">
      <Badge tone={tone}>{word}</Badge>
      {soon && <Badge tone="warning">Expires soon</Badge>}
      {live && tokens > 1 && <Badge tone="accent">{count(tokens, "live token")}</Badge>}
      {live && tokens === 0 && <Badge>No token</Badge>}
    </span>
  );
}

// The id in a hint is long, and the list needs only what a person recognises.
function shortHint(hint: string): string {
  return hint.replace(/^([a-z0-9]+[_-][a-z]+[_-]).*…/, "$1…");
}
