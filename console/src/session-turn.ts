/**
 * Runs a call of this browser in its turn. A call that sets or removes the cookie runs alone among all tabs (`exclusive`).
 * Calls that ask the server for the session of the cookie may run together (`shared`), but never beside such a call.
 */
export function inSessionTurn<T>(mode: LockMode, run: () => Promise<T>): Promise<T> {
  // A page that is neither of HTTPS nor of loopback has no locks, and no cookie either.
  return navigator.locks ? navigator.locks.request("latchkey-session", { mode }, run) : run();
}
