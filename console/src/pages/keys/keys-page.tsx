import { useState } from "react";
import { useSearchParams } from "wouter";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { PageHeader } from "../../ui/layout.tsx";
import { lazily } from "../../ui/lazily.tsx";
import { Menu } from "../../ui/menu.tsx";
import { creatableKinds } from "./actions.ts";
import { everything, type KeyFilter } from "./filter.ts";
import { IssuedToken } from "./issued-token.tsx";
import { KeyFilters } from "./key-filters.tsx";
import { KeyListView } from "./key-list-view.tsx";
import type { Issued, PageTask } from "./tasks.ts";
import { useKeyList } from "./use-key-list.ts";
import { idOf } from "./words.ts";

const KeyDetails = lazily(() => import("./key-details.tsx").then((file) => file.KeyDetails));
const TaskDialog = lazily(() => import("./task-dialog.tsx").then((file) => file.TaskDialog));

/** The keys of the account: the list, and a dialog for everything that one can do with a key. */
export function KeysPage() {
  const [filter, setFilter] = useState<KeyFilter>(everything);
  const [task, setTask] = useState<PageTask>();
  const [issued, setIssued] = useState<Issued>();
  const [shownId, show] = useShownKey();
  const list = useKeyList(filter);
  const { can } = useSession();
  const mayCreate = creatableKinds(useSession()).length > 0;
  const start = (next: PageTask) => (next.name === "details" ? show(idOf(next.key)) : setTask(next));
  const end = () => setTask(undefined);
  return (
    <>
      <PageHeader
        title="API keys"
        description="Keys are credentials for programs. Each key has its own permissions, workspaces and end."
        actions={
          <>
            {mayCreate && (
              <Button variant="primary" icon="plus" onClick={() => setTask({ name: "create" })}>
                Create key
              </Button>
            )}
            <PageMenu can={can} onTask={setTask} />
          </>
        }
      />
      <KeyFilters filter={filter} onChange={setFilter} onShowKey={show} />
      <KeyListView
        list={list}
        filter={filter}
        onTask={start}
        onClear={() => setFilter(everything)}
        {...(mayCreate && { onCreate: () => setTask({ name: "create" }) })}
      />
      {shownId && <KeyDetails id={shownId} onTask={start} onClose={() => show("")} />}
      {task && <TaskDialog task={task} onIssued={setIssued} onTask={start} onClose={end} />}
      {/* Outside the list and the other dialogs, because their refresh must not remove it. */}
      {issued && <IssuedToken issued={issued} onClose={() => setIssued(undefined)} />}
    </>
  );
}

function PageMenu({ can, onTask }: { can(permission: string): boolean; onTask(task: PageTask): void }) {
  const items = [
    ...(can("tokens:verify")
      ? [{ label: "Why is a key refused?", onSelect: () => onTask({ name: "why" as const }) }]
      : []),
    ...(can("api_keys:manage")
      ? [
          {
            label: "Revoke many keys…",
            danger: true,
            onSelect: () => onTask({ name: "revoke-many" as const }),
          },
        ]
      : []),
  ];
  return items.length > 0 ? <Menu label="More actions" items={items} /> : null;
}

// The key whose details are visible is in the address, so that a link can show it.
function useShownKey(): [id: string, show: (id: string) => void] {
  const [params, setParams] = useSearchParams();
  const id = params.get("key") ?? "";
  return [/^key_[0-9a-z]{26}$/.test(id) ? id : "", (next) => setParams(next ? { key: next } : {})];
}
