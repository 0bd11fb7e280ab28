import type { ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { type Choice, Select, TextField } from "../../ui/field.tsx";
import { Toolbar } from "../../ui/layout.tsx";
import { everything, isNarrow, type KeyFilter, soonDays, unusedDays } from "./filter.ts";
import { findToken } from "./token-form.ts";
import { TokenWarning } from "./token-warning.tsx";
import { environmentChoices, kindChoices, stateChoices } from "./words.ts";

/** The filters above the list of keys. */
// Over 60 lines: one row of filters, each with a few lines of JSX.
export function KeyFilters({
  filter,
  onChange,
  onShowKey,
}: {
  filter: KeyFilter;
  onChange(filter: KeyFilter): void;
  onShowKey(id: string): void;
}) {
  const change = (part: Partial<KeyFilter>) => onChange({ ...filter, ...part });
  const found = findToken(filter.search) ?? findToken(filter.labels);
  const forget = findToken(filter.search) ? { search: "" } : { labels: "" };
  return (
    <>
      <Toolbar>
        <TextField
          label="Search"
          type="search"
          placeholder="Name or id"
          autoComplete="off"
          spellCheck={false}
          maxLength={128}
          value={filter.search}
          onChange={(search) => change({ search })}
        />
        <TextField
          label="Labels"
          placeholder="env=prod,team=ai"
          autoComplete="off"
          spellCheck={false}
          value={filter.labels}
          onChange={(labels) => change({ labels })}
        />
        <Any label="Kind" value={filter.kind} choices={kindChoices} onChange={(kind) => change({ kind })} />
        <Any
          label="Environment"
          value={filter.environment}
          choices={environmentChoices}
          onChange={(environment) => change({ environment })}
        />
        <Any
          label="State"
          any="All but revoked"
          value={filter.state}
          choices={stateChoices}
          onChange={(state) => change({ state })}
        />
        <div className="chips">
          <Toggle
            on={filter.expiresSoon}
            title={`Active keys that expire within ${soonDays} days`}
            onChange={(expiresSoon) => change({ expiresSoon })}
          >
            Expires soon
          </Toggle>
          <Toggle
            on={filter.unused}
            title={`Keys that nothing used for ${unusedDays} days`}
            onChange={(unused) => change({ unused })}
          >
            Unused
          </Toggle>
          {isNarrow(filter) && (
            <Button variant="ghost" size="small" onClick={() => onChange(everything)}>
              Clear
            </Button>
          )}
        </div>
      </Toolbar>
      {found && (
        <TokenWarning
          found={found}
          onClear={() => change(forget)}
          onShow={(id) => {
            change(forget);
            onShowKey(id);
          }}
        />
      )}
    </>
  );
}

function Any<T extends string>({
  label,
  any = "Any",
  value,
  choices,
  onChange,
}: {
  label: string;
  any?: string;
  value: T | "";
  choices: readonly Choice<T>[];
  onChange(value: T | ""): void;
}) {
  return (
    <Select
      label={label}
      value={value}
      choices={[{ value: "", label: any }, ...choices]}
      onChange={onChange}
    />
  );
}

function Toggle({
  on,
  title,
  onChange,
  children,
}: {
  on: boolean;
  title: string;
  onChange(on: boolean): void;
  children: ReactNode;
}) {
  return (
    <button type="button" className="chip" aria-pressed={on} title={title} onClick={() => onChange(!on)}>
      {children}
    </button>
  );
}
