import type { ReactNode } from "react";

/** A column of a table. */
export interface Column<T> {
  title: string;
  cell(row: T): ReactNode;
  /** `number` aligns to the right. `actions` has no visible title. `wide` takes the space that is left. */
  kind?: "number" | "actions" | "wide";
  /** True if narrow screens hide the column. */
  optional?: boolean;
}

/** A table of resources. On narrow screens, each row becomes a card with the titles of its columns. */
export function Table<T>({
  label,
  columns,
  rows,
  keyOf,
  busy = false,
}: {
  /** The name of the table for screen readers. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf(row: T): string;
  /** True while newer rows are being loaded. */
  busy?: boolean;
}) {
  const classOf = (column: Column<T>) => `${column.kind ?? ""} ${column.optional ? "optional" : ""}`;
  return (
    <div className="table-frame">
      <table className="table" aria-label={label} aria-busy={busy || undefined}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={classOf(column)}>
                {column.kind === "actions" ? <span className="hidden">{column.title}</span> : column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.title} data-title={column.title} className={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
