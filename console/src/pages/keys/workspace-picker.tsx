import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { WorkspaceService } from "../../../gen/latchkey/v1/workspace_service_pb.ts";
import { Checkbox, TextField } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { findToken } from "./token-form.ts";

const shown = 200;

/** Chooses workspaces from those that the caller may enter. */
export function WorkspacePicker({
  value,
  onChange,
}: {
  /** The ids of the chosen workspaces. */
  value: readonly string[];
  onChange(value: string[]): void;
}) {
  const [search, setSearch] = useState("");
  const query = findToken(search) ? "" : search.trim();
  const list = useQuery(
    WorkspaceService.method.listWorkspaces,
    { limit: shown, query },
    { placeholderData: keepPreviousData },
  );
  const toggle = (id: string, on: boolean) =>
    onChange(on ? [...value, id] : value.filter((one) => one !== id));
  return (
    <Loaded query={list}>
      {({ items, pagination }) => (
        <div className="picker">
          {(search !== "" || items.length > 8) && (
            <TextField
              label="Find a workspace"
              type="search"
              autoComplete="off"
              maxLength={128}
              value={search}
              onChange={setSearch}
            />
          )}
          {items.length === 0 && (
            <p className="quiet">
              {query === "" ? "There is no workspace that you may enter." : "No workspace has this name."}
            </p>
          )}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the list scrolls, so the keyboard must reach it */}
          <section className="workspace-rows" tabIndex={0} aria-label="Workspaces">
            {items.map(({ metadata }) => (
              <Checkbox
                key={metadata?.id}
                label={metadata?.name ?? ""}
                checked={value.includes(metadata?.id ?? "")}
                onChange={(on) => toggle(metadata?.id ?? "", on)}
              />
            ))}
          </section>
          {pagination?.nextCursor && <p className="quiet">There are more workspaces. Search for a name.</p>}
        </div>
      )}
    </Loaded>
  );
}
