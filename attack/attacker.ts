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
  /** Whether each call comes from an address of its own, so that no limit per address holds it. */
  spread?: boolean;
  heavy?: Heavy;
}

serveJobs((job: AttackJob): Promise<Counts> => attacks[job.name](job));
