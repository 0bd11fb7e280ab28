import { type ReactNode, useState } from "react";
import { useAction } from "../use-action.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorNote } from "./error-note.tsx";
import { TextField } from "./field.tsx";
import { Form } from "./form.tsx";

/** A question before an action that cannot be undone. */
export interface ConfirmProps {
  title: string;
  /** What the action does, and what it breaks. */
  children: ReactNode;
  /** The verb on the button. */
  action: string;
  /** The action. The dialog stays open and shows the error if it fails. */
  onConfirm(): Promise<unknown>;
  onClose(): void;
  /** A word that the user must type first, for the most dangerous actions. */
  typed?: string;
  /** False for an action that destroys nothing. */
  danger?: boolean;
}

/** Asks before an action. Render it while the question is open. */
export function Confirm({ title, children, action, onConfirm, onClose, typed, danger = true }: ConfirmProps) {
  const [word, setWord] = useState("");
  const { run, busy, error } = useAction(async () => {
    await onConfirm();
    onClose();
  });
  return (
    <Dialog title={title} role="alertdialog" onClose={() => busy || onClose()}>
      <Form onSubmit={run}>
        <div className="prose">{children}</div>
        {typed !== undefined && (
          <TextField
            label={`Type “${typed}” to confirm`}
            value={word}
            onChange={setWord}
            autoComplete="off"
          />
        )}
        <ErrorNote error={error} />
        <footer className="actions">
          <Button onClick={onClose} disabled={busy}>
            Cancel
          </Button>
          <Button
            type="submit"
            variant={danger ? "danger" : "primary"}
            busy={busy}
            disabled={typed !== undefined && word !== typed}
          >
            {action}
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}
