/**
 * Sends a signal to a process. Returns whether the process was there: another fault may have ended it a moment before. Throws if
 * this process may not send the signal.
 */
export function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
