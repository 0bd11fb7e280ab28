/** The fields that an item of a list must have. An item is in at most one list at a time. */
export interface ListItem {
  previous?: this | undefined;
  next?: this | undefined;
}

/** A list that appends and removes in constant time. */
export interface LinkedList<T extends ListItem> {
  first(): T | undefined;
  append(item: T): void;
  /** Removes an item that is in this list. */
  remove(item: T): void;
}

/** Creates an empty list. A `Set` would be slow, because its search for the first member visits the places of removed ones. */
export function createLinkedList<T extends ListItem>(): LinkedList<T> {
  let head: T | undefined;
  let tail: T | undefined;
  return {
    first: () => head,
    append(item) {
      item.previous = tail;
      item.next = undefined;
      if (tail) tail.next = item;
      else head = item;
      tail = item;
    },
    remove(item) {
      const { previous, next } = item;
      if (previous) previous.next = next;
      else head = next;
      if (next) next.previous = previous;
      else tail = previous;
      item.previous = undefined;
      item.next = undefined;
    },
  };
}
