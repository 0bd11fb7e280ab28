import { closedLoop, type Load, type Sample, type Watched } from "./closed-loop.ts";
import { serveJobs } from "./jobs.ts";
import { grpcLanes, http1Lanes, type Lanes, lookupLanes, type Target } from "./lanes.ts";

/** What the generator is told to do. */
export interface Job {
  load: Load;
  watched: Watched;
  calls:
    | ({ protocol: "http1" | "grpc" } & Target)
    | { protocol: "lookup"; databaseUrl: string; ids: readonly string[] };
}

async function run({ calls, load, watched }: Job): Promise<Sample> {
  const { lanes, close } = await open(calls, load.inFlight);
  try {
    return await closedLoop(lanes, load, watched);
  } finally {
    await close();
  }
}

function open(calls: Job["calls"], inFlight: number): Promise<Lanes> {
  if (calls.protocol === "lookup") return lookupLanes(calls.databaseUrl, calls.ids, inFlight);
  return calls.protocol === "grpc" ? grpcLanes(calls, inFlight) : http1Lanes(calls, inFlight);
}

serveJobs(run);
