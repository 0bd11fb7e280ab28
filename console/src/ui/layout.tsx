import type { ReactNode } from "react";

/** The head of a page: its title, a sentence about it, and its main actions. */
export function PageHeader({
  title,
  description,
  actions,
}: {
  title: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <header className="page-header">
      <div>
        {/* The page gets the focus after a navigation, so that a screen reader says where the user is. */}
        <h1 tabIndex={-1}>{title}</h1>
        {description && <p>{description}</p>}
      </div>
      {actions && <div className="page-actions">{actions}</div>}
    </header>
  );
}

/** A part of a page with a heading. */
export function Section({
  title,
  description,
  actions,
  children,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="section">
      <header className="section-header">
        <div>
          <h2>{title}</h2>
          {description && <p>{description}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  );
}

/** A frame around what belongs together. */
export function Card({ children }: { children: ReactNode }) {
  return <div className="card">{children}</div>;
}

/** Names with their values. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A row of filters above a list. */
export function Toolbar({ children }: { children: ReactNode }) {
  return <search className="toolbar">{children}</search>;
}

/** What a list shows instead of rows: why it is empty, and what to do next. */
export function EmptyState({
  title,
  children,
  action,
  paste,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  /** A block to paste, which does the same as the action. */
  paste?: ReactNode;
}) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
      {action && <div className="actions">{action}</div>}
      {paste}
    </div>
  );
}
