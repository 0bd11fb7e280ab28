import { type ComponentProps, type ReactNode, useId } from "react";

/** What every field has. */
export interface FieldProps {
  label: string;
  /** A sentence that helps to fill in the field. */
  hint?: ReactNode;
  /** What is wrong with the value, from the server. */
  error?: string | undefined;
}

/** The attributes of the control of a field. */
interface Control {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}

/** A label, a control, a hint and an error. The control gets the attributes that connect it with them. */
export function Field({
  label,
  hint,
  error,
  children,
}: FieldProps & { children: (control: Control) => ReactNode }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": error ? true : undefined })}
      {error && (
        <p id={`${id}-error`} className="field-error">
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

type Native<Tag extends "input" | "textarea" | "select"> = Omit<
  ComponentProps<Tag>,
  "value" | "onChange" | "id"
>;
interface Value<T> {
  value: T;
  onChange(value: T): void;
}

/** A field for one line of text. */
export function TextField({
  label,
  hint,
  error,
  value,
  onChange,
  ...rest
}: FieldProps & Value<string> & Native<"input">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <input
          type="text"
          {...rest}
          {...control}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** A field for several lines of text. */
export function TextArea({
  label,
  hint,
  error,
  value,
  onChange,
  ...rest
}: FieldProps & Value<string> & Native<"textarea">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <textarea
          rows={3}
          {...rest}
          {...control}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** One choice of a `Select`. */
export interface Choice<T extends string = string> {
  value: T;
  label: string;
}

/** A field for one of a few choices: the browser's own list. */
export function Select<T extends string>({
  label,
  hint,
  error,
  value,
  onChange,
  choices,
  ...rest
}: FieldProps & Value<T> & { choices: readonly Choice<T>[] } & Native<"select">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <select {...rest} {...control} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A box with its label beside it. */
export function Checkbox({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: {
  label: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange(checked: boolean): void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="checkbox">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.target.checked)}
      />
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p id={`${id}-hint`} className="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

/** A group of fields with a heading, for example of radio buttons. */
export function FieldSet({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: ReactNode;
  children: ReactNode;
}) {
  return (
    <fieldset className="fieldset">
      <legend>{label}</legend>
      {hint && <p className="hint">{hint}</p>}
      {children}
    </fieldset>
  );
}

/** One of a few choices, all visible. */
export function Radios<T extends string>({
  label,
  value,
  onChange,
  choices,
}: { label: string; choices: readonly (Choice<T> & { hint?: ReactNode })[] } & Value<T>) {
  const name = useId();
  return (
    <FieldSet label={label}>
      {choices.map((choice) => (
        <div className="checkbox" key={choice.value}>
          <input
            id={`${name}-${choice.value}`}
            type="radio"
            name={name}
            checked={value === choice.value}
            onChange={() => onChange(choice.value)}
          />
          <label htmlFor={`${name}-${choice.value}`}>{choice.label}</label>
          {choice.hint && <p className="hint">{choice.hint}</p>}
        </div>
      ))}
    </FieldSet>
  );
}
