/**
 * Runs a call of this browser in its turn. A call that sets or removes the cookie runs alone among all tabs (`exclusive`).
 * Calls that find out what the cookie is worth run meanwhile with each other only (`shared`).
 */
export function inSessionTurn<T>(mode: LockMode, run: () => Promise<T>): Promise<T> {
  // A page that is neither of HTTPS nor of loopback has no locks, and no cookie either.
  return navigator.locks ? navigator.locks.request("latchkey-session", { mode }, run) : run();
}
