import { serveJobs } from "../bench/jobs.ts";
import { type Heavy, heavyPrincipals } from "./heavy.ts";
import { idleSockets } from "./idle-sockets.ts";
import { logIns, signUps, slowPasswords } from "./people.ts";
import { rapidReset } from "./rapid-reset.ts";
import type { Counts } from "./repeat.ts";
import { longTexts, noBearers, zippedBodies } from "./requests.ts";

const attacks = {
  signUps,
  slowPasswords,
  logIns,
  heavyPrincipals,
  idleSockets,
  rapidReset,
  noBearers,
  zippedBodies,
  longTexts,
};

export type AttackName = keyof typeof attacks;

/** A job of the attacker process: one attack. */
export interface AttackJob {
  name: AttackName;
  port: number;
  seconds: number;
  /** The loopback address of all calls. Unset: each call uses another address, so that no limit per address applies. */
  address?: string;
  heavy?: Heavy;
  /** The number of idle sockets. */
  sockets?: number;
}

serveJobs((jobs: AttackJob[]): Promise<Counts[]> => Promise.all(jobs.map((job) => attacks[job.name](job))));
