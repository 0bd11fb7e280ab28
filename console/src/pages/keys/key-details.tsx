import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { ApiKey } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { useOwner } from "../../parts/rank.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { actionsOf, type KeyActions } from "./actions.ts";
import { KeyOverview } from "./key-overview.tsx";
import { KeyWorkspaces } from "./key-workspaces.tsx";
import type { KeyTask } from "./tasks.ts";
import { UsageChart } from "./usage-chart.tsx";
import { WhyForm } from "./why-form.tsx";
import { nameOf } from "./words.ts";

// A verification appears within 10 seconds.
const refreshMs = 5_000;

type TabName = "overview" | "workspaces" | "usage" | "why";

/** Shows everything about a key, and what the caller may do with it. */
export function KeyDetails({
  id,
  onTask,
  onClose,
}: {
  id: string;
  onTask(task: KeyTask): void;
  onClose(): void;
}) {
  const session = useSession();
  const owner = useOwner();
  const query = useQuery(ApiKeyService.method.getApiKey, { id }, { refetchInterval: refreshMs });
  const key = query.data?.apiKey;
  const may = key && actionsOf(session, key, owner);
  return (
    <Dialog
      title={key ? nameOf(key) : "Key"}
      size="wide"
      onClose={onClose}
      footer={key && may && <Buttons apiKey={key} may={may} onTask={onTask} />}
    >
      <Loaded query={{ data: key, error: query.error }}>
        {(loaded) => <Views apiKey={loaded} may={actionsOf(session, loaded, owner)} />}
      </Loaded>
    </Dialog>
  );
}

function Views({ apiKey, may }: { apiKey: ApiKey; may: KeyActions }) {
  const { can } = useSession();
  const [tab, setTab] = useState<TabName>("overview");
  const tabs: { id: TabName; label: string }[] = [{ id: "overview", label: "Overview" }];
  if (can("api_keys:read") && !apiKey.spec?.system) tabs.push({ id: "workspaces", label: "Workspaces" });
  if (can("usage:read")) tabs.push({ id: "usage", label: "Usage" });
  if (can("tokens:verify")) tabs.push({ id: "why", label: "Why refused?" });
  return (
    <Tabs label="About the key" tabs={tabs} selected={tab} onSelect={(id: TabName) => setTab(id)}>
      {tab === "overview" && <KeyOverview apiKey={apiKey} />}
      {tab === "workspaces" && <KeyWorkspaces apiKey={apiKey} may={may} />}
      {tab === "usage" && <UsageChart apiKey={apiKey} />}
      {tab === "why" && <WhyForm apiKey={apiKey} />}
    </Tabs>
  );
}

function Buttons({
  apiKey: key,
  may,
  onTask,
}: {
  apiKey: ApiKey;
  may: KeyActions;
  onTask(task: KeyTask): void;
}) {
  const start = (name: KeyTask["name"]) => onTask({ name, key });
  return (
    <>
      {may.revoke && (
        <Button variant="danger" onClick={() => start("revoke")}>
          Revoke…
        </Button>
      )}
      {may.disable && <Button onClick={() => start("disable")}>Disable…</Button>}
      {may.enable && <Button onClick={() => start("enable")}>Enable…</Button>}
      {may.edit && <Button onClick={() => start("edit")}>Edit…</Button>}
      {may.rotate && (
        <Button variant="primary" onClick={() => start("rotate")}>
          Rotate…
        </Button>
      )}
    </>
  );
}
