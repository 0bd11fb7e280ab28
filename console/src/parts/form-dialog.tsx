import type { ReactNode } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ErrorNote } from "../ui/error-note.tsx";
import { Form } from "../ui/form.tsx";

/** A dialog with one form. It stays open and shows the error if the change fails. */
export function FormDialog({
  title,
  description,
  action,
  change,
  shown = [],
  disabled = false,
  size,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  description?: ReactNode;
  /** The verb on the button. */
  action: string;
  /** The mutation that the form starts. */
  change: { error: unknown; isPending: boolean };
  /** The fields whose violations the form shows beside them. */
  shown?: readonly string[];
  disabled?: boolean;
  size?: "wide";
  onSubmit(): void;
  onClose(): void;
  children: ReactNode;
}) {
  return (
    <Dialog
      title={title}
      {...(description !== undefined && { description })}
      {...(size && { size })}
      onClose={() => change.isPending || onClose()}
    >
      <Form onSubmit={() => disabled || change.isPending || onSubmit()}>
        {children}
        <ErrorNote error={change.error} shown={shown} />
        <footer className="actions">
          <Button onClick={onClose} disabled={change.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={change.isPending} disabled={disabled}>
            {action}
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}
