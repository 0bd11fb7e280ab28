import { useState } from "react";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { parsePasted, withPermissions } from "./permission-list.ts";

/** A field for permissions as text: one, or many that the user pastes. */
export function PastedPermissions({
  value,
  onChange,
  onlyKnown,
}: {
  value: readonly string[];
  onChange(value: string[]): void;
  /** True if the server rejects names that it does not know. */
  onlyKnown: boolean;
}) {
  const { can } = useSession();
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  function add() {
    const { permissions, others } = parsePasted(text);
    const missing = permissions.filter((one) => !can(one));
    const wrong = [
      ...(others.length > 0 ? [`These are no permissions: ${others.join(", ")}.`] : []),
      ...(missing.length > 0
        ? [`You do not hold these, so you cannot give them: ${missing.join(", ")}.`]
        : []),
    ];
    setError(wrong.join(" "));
    onChange(
      withPermissions(
        value,
        permissions.filter((one) => can(one)),
      ),
    );
    if (wrong.length === 0) setText("");
  }
  return (
    <div className="with-button">
      <TextField
        label="Add as text"
        hint={
          onlyKnown
            ? "One or more permissions of this deployment."
            : "One or more, such as agents:read runs:start."
        }
        error={error || undefined}
        placeholder="resource:verb"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={setText}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          // Enter adds the permission. It does not submit the form around the field.
          event.preventDefault();
          add();
        }}
      />
      <Button onClick={add} disabled={text.trim() === ""}>
        Add
      </Button>
    </div>
  );
}
