import type { FormEvent, ReactNode } from "react";

/** A form that calls `onSubmit` instead of leaving the page. A submit button or Enter submits it. */
export function Form({
  onSubmit,
  label,
  children,
}: {
  onSubmit(): unknown;
  /** The name of the form, if the page has several. */
  label?: string;
  children: ReactNode;
}) {
  function submit(event: FormEvent) {
    event.preventDefault();
    // The dialog of a form may be inside another form.
    event.stopPropagation();
    void onSubmit();
  }
  return (
    // The fields show the errors of the server. The browser's own would hide them.
    <form className="form" noValidate aria-label={label} onSubmit={submit}>
      {children}
    </form>
  );
}
