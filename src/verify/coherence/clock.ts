/** The clocks of this process, in milliseconds. */
export interface Clock {
  /** Never goes back. It stops while the machine is suspended. */
  monotonic(): number;
  /** The time of day that the machine reports. */
  wall(): number;
}

/** The machine's own clocks. */
export const machineClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};
