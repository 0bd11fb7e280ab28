import { type ReactNode, useEffect, useId, useRef } from "react";
import { IconButton } from "./button.tsx";

/** What a dialog shows, and what it does when the user wants to close it. */
export interface DialogProps {
  title: string;
  /** A sentence below the title. */
  description?: ReactNode;
  /** Runs when the user presses Escape or the close button. The owner decides whether to close. */
  onClose(): void;
  /** The buttons at the end. */
  footer?: ReactNode;
  size?: "wide";
  /** `alertdialog` for a question that interrupts the user. It has no close button. */
  role?: "alertdialog";
  children?: ReactNode;
}

/**
 * A modal dialog: the browser's own, which keeps the focus inside and gives it back. Render it while it is open. Put a
 * form with its buttons into `children`, or buttons into `footer`.
 */
export function Dialog({ title, description, onClose, footer, size, role, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    // A dialog that is removed without `close` does not give the focus back.
    const before = document.activeElement;
    element?.showModal();
    // The browser would give the focus to the close button. `autoFocus` comes too early, because a closed dialog takes none.
    element?.querySelector<HTMLElement>("form :is(input, select, textarea)")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={`dialog ${size ?? ""}`}
      role={role}
      aria-labelledby={`${id}-title`}
      aria-describedby={description === undefined ? undefined : `${id}-description`}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className="dialog-header">
        <h2 id={`${id}-title`}>{title}</h2>
        {role === undefined && <IconButton icon="close" label="Close" onClick={onClose} />}
      </header>
      {description !== undefined && (
        <p id={`${id}-description`} className="dialog-description">
          {description}
        </p>
      )}
      {children}
      {footer && <footer className="actions">{footer}</footer>}
    </dialog>
  );
}
