import { Button } from "./button.tsx";

/** The place of a page in a list. `usePages` returns it. */
export interface PagerProps {
  /** The number of the page, from 0. */
  page: number;
  /** The number of items on this page. */
  count: number;
  /** The number of items on a full page. */
  size: number;
  next?: (() => void) | undefined;
  previous?: (() => void) | undefined;
}

/** Buttons to the next and the previous page of a list. Shows nothing if there is only one page. */
export function Pager({ page, count, size, next, previous }: PagerProps) {
  if (!next && !previous) return null;
  const first = page * size + 1;
  return (
    <nav className="pager" aria-label="Pages">
      <span role="status">{count === 0 ? "Nothing on this page" : `${first} to ${first + count - 1}`}</span>
      <Button size="small" icon="left" onClick={previous} disabled={!previous}>
        Previous
      </Button>
      <Button size="small" onClick={next} disabled={!next}>
        Next
      </Button>
    </nav>
  );
}
