/** Returns a function that runs `work` in the next turn of the event loop: once, however often it is called before that. */
export function inNextTurn(work: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      work();
    });
  };
}
