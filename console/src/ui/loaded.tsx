import type { ReactNode } from "react";
import { ErrorNote } from "./error-note.tsx";

/** Grey bars in the place of content that is on its way. */
export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars have no identity
        <span key={index} />
      ))}
    </div>
  );
}

/** Shows the data of a query, or that it is loading, or its error. Older data stays while newer data is on its way. */
export function Loaded<T>({
  query,
  children,
}: {
  query: { data: T | undefined; error: unknown };
  children: (data: T) => ReactNode;
}) {
  const { data, error } = query;
  if (data === undefined) return error ? <ErrorNote error={error} /> : <Skeleton />;
  return (
    <>
      <ErrorNote error={error ?? undefined} />
      {children(data)}
    </>
  );
}
