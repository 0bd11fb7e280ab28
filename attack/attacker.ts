import { serveJobs } from "../bench/jobs.ts";
import { type Heavy, heavyPrincipals } from "./heavy.ts";
import { idleSockets } from "./idle-sockets.ts";
import { logIns, signUps, slowPasswords } from "./people.ts";
import { rapidReset } from "./rapid-reset.ts";
import type { Counts } from "./repeat.ts";

const attacks = { signUps, slowPasswords, logIns, heavyPrincipals, idleSockets, rapidReset };

export type AttackName = keyof typeof attacks;

/** What an attacker does. */
export interface AttackJob {
  name: AttackName;
  port: number;
  seconds: number;
  /** The loopback address that all calls come from. Without it, each comes from another, so that no limit per address helps. */
  address?: string;
  heavy?: Heavy;
  /** Idle sockets that are wanted. */
  sockets?: number;
}

serveJobs((jobs: AttackJob[]): Promise<Counts[]> => Promise.all(jobs.map((job) => attacks[job.name](job))));
