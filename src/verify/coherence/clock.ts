/** The clocks of this process, in milliseconds. */
export interface Clock {
  /** Never goes back; stands still while the machine is suspended. */
  monotonic(): number;
  /** The time of day, as the machine believes it. */
  wall(): number;
}

/** The machine's own clocks. */
export const machineClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};
