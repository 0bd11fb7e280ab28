import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { type Session, useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { EmptyState } from "../../ui/layout.tsx";
import { Skeleton } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { creatableKinds } from "./actions.ts";
import { isNarrow, type KeyFilter } from "./filter.ts";
import { KeyTable } from "./key-table.tsx";
import type { KeyTask } from "./tasks.ts";
import type { KeyList } from "./use-key-list.ts";

/** The list of keys with its pages, or why it is empty. */
export function KeyListView({
  list,
  filter,
  onTask,
  onClear,
  onCreate,
}: {
  list: KeyList;
  filter: KeyFilter;
  onTask(task: KeyTask): void;
  onClear(): void;
  onCreate?: () => void;
}) {
  const { keys, error, busy, pager } = list;
  const note = <ErrorNote error={error} />;
  if (!keys) return error ? note : <Skeleton lines={6} />;
  const none = keys.length === 0 && !busy;
  // Every account has a system key, so a list with nothing else counts as empty.
  const onlySystem = !isNarrow(filter) && !busy && pager.page === 0 && keys.every(({ spec }) => spec?.system);
  return (
    <>
      {note}
      {keys.length > 0 && (
        <div className="keys">
          <KeyTable keys={keys} busy={busy} onTask={onTask} />
        </div>
      )}
      {none && pager.next && <Unfinished onNext={pager.next} />}
      {(none || onlySystem) && !pager.next && (
        <Nothing narrow={isNarrow(filter)} onClear={onClear} onCreate={onCreate} />
      )}
      <Pager {...pager} />
    </>
  );
}

function Unfinished({ onNext }: { onNext(): void }) {
  return (
    <EmptyState
      title="No match among the keys so far"
      action={
        <Button variant="primary" onClick={onNext}>
          Search the next keys
        </Button>
      }
    >
      <p>The search stopped after many keys. There are more.</p>
    </EmptyState>
  );
}

function Nothing({
  narrow,
  onClear,
  onCreate,
}: {
  narrow: boolean;
  onClear(): void;
  onCreate: (() => void) | undefined;
}) {
  const session = useSession();
  if (narrow) {
    return (
      <EmptyState title="No key matches" action={<Button onClick={onClear}>Clear the filters</Button>}>
        <p>No key of this account matches these filters.</p>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title={session.can("api_keys:read") ? "No keys yet" : "You have no developer key yet"}
      action={
        onCreate && (
          <Button variant="primary" icon="plus" onClick={onCreate}>
            Create the first key
          </Button>
        )
      }
      paste={onCreate && <Commands commands={[creationBy(session)]} />}
    >
      <p>
        A program sends the token of its key with each request. Your service verifies it and learns what the
        program may do.
      </p>
    </EmptyState>
  );
}

// The command for a first key that the user may create.
function creationBy(session: Session): string {
  const isApplication = creatableKinds(session).includes(ApiKeyKind.APPLICATION);
  return `key create --name "My first key" ${isApplication ? "--permission agents:read" : "--kind developer"}`;
}
