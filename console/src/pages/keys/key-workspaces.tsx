import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { type ApiKey, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../gen/latchkey/v1/workspace_service_pb.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Select } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { Table } from "../../ui/table.tsx";
import { usePages } from "../../use-pages.ts";
import type { KeyActions } from "./actions.ts";
import { idOf } from "./words.ts";

/** The workspaces that are granted to a key. */
export function KeyWorkspaces({ apiKey: key, may }: { apiKey: ApiKey; may: KeyActions }) {
  const all = key.spec?.workspaceScope === WorkspaceScope.ALL;
  const list = usePages(ApiKeyService.method.listApiKeyWorkspaces, { id: idOf(key) }, { enabled: !all });
  const remove = useMutation(ApiKeyService.method.removeApiKeyWorkspace);
  if (all)
    return <Banner>This key may enter every workspace of its owner, also those that are made later.</Banner>;
  const columns = [
    { title: "Workspace", kind: "wide" as const, cell: (one: Workspace) => one.metadata?.name },
    {
      title: "Actions",
      kind: "actions" as const,
      cell: ({ metadata }: Workspace) =>
        may.ungrant && (
          <Button
            size="small"
            aria-label={`Remove ${metadata?.name}`}
            busy={remove.isPending && remove.variables?.workspaceId === metadata?.id}
            onClick={() => remove.mutate({ id: idOf(key), workspaceId: metadata?.id ?? "" })}
          >
            Remove
          </Button>
        ),
    },
  ];
  return (
    <Loaded query={list}>
      {({ items }) => (
        <>
          {items.length === 0 && <p className="quiet">No workspace is granted to this key.</p>}
          {items.length > 0 && (
            <Table
              label="Workspaces of the key"
              columns={columns}
              rows={items}
              keyOf={(one) => one.metadata?.id ?? ""}
            />
          )}
          <Pager {...list.pager} />
          <ErrorNote error={remove.error} />
          {may.grant && <Grant apiKey={key} granted={items.map((one) => one.metadata?.id ?? "")} />}
        </>
      )}
    </Loaded>
  );
}

const shown = 200;

function Grant({ apiKey, granted }: { apiKey: ApiKey; granted: readonly string[] }) {
  const [chosen, setChosen] = useState("");
  const list = usePages(WorkspaceService.method.listWorkspaces, {}, { size: shown });
  const add = useMutation(ApiKeyService.method.addApiKeyWorkspace, { onSuccess: () => setChosen("") });
  const grant = () => chosen && !add.isPending && add.mutate({ id: idOf(apiKey), workspaceId: chosen });
  return (
    <Loaded query={list}>
      {({ items }) => {
        const others = items.filter((one) => !granted.includes(one.metadata?.id ?? ""));
        if (others.length === 0) return null;
        return (
          <Form onSubmit={grant} label="Grant a workspace">
            <div className="with-button">
              <Select
                label="Grant a workspace"
                value={chosen}
                onChange={setChosen}
                choices={[
                  { value: "", label: "Choose a workspace" },
                  ...others.map(({ metadata }) => ({
                    value: metadata?.id ?? "",
                    label: metadata?.name ?? "",
                  })),
                ]}
              />
              <Button type="submit" busy={add.isPending} disabled={chosen === ""}>
                Grant
              </Button>
            </div>
            <ErrorNote error={add.error} />
          </Form>
        );
      }}
    </Loaded>
  );
}
