import type { ComponentProps, ReactNode } from "react";
import { Link } from "wouter";
import { Icon, type IconName } from "./icon.tsx";

/** How much weight a control has. A page has at most one primary control. */
export type Variant = "primary" | "secondary" | "danger" | "ghost";

interface Look {
  variant?: Variant;
  size?: "small";
  icon?: IconName;
}

/** A button. While it is `busy`, it shows that and does not react. */
export function Button({
  variant = "secondary",
  size,
  icon,
  busy = false,
  children,
  className = "",
  onClick,
  ...rest
}: ComponentProps<"button"> & Look & { busy?: boolean }) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${variant} ${size ?? ""} ${className}`}
      // A disabled button would lose the focus of the keyboard.
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <span className="spinner" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that shows only an icon. Its label is read aloud and appears as a tooltip. */
export function IconButton({
  icon,
  label,
  className = "",
  ...rest
}: Omit<ComponentProps<"button">, "children"> & { icon: IconName; label: string }) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ghost icon-only ${className}`}
      aria-label={label}
      title={label}
    >
      <Icon name={icon} />
    </button>
  );
}

/** A link to another page of the console that looks like a button. */
export function LinkButton({
  to,
  variant = "secondary",
  icon,
  children,
}: Look & { to: string; children: ReactNode }) {
  return (
    <Link to={to} className={`button ${variant}`}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  );
}
