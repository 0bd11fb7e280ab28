import { type Callers, grpcCallers, http1Callers, lookupCallers, type Target } from "./callers.ts";
import { closedLoop, type Load, type Sample, type Watched } from "./closed-loop.ts";
import { serveJobs } from "./jobs.ts";

/** A job of the generator. */
export interface Job {
  load: Load;
  watched: Watched;
  calls:
    | ({ protocol: "http1" | "grpc" } & Target)
    | { protocol: "lookup"; databaseUrl: string; ids: readonly string[] };
}

async function run({ calls, load, watched }: Job): Promise<Sample> {
  const { callers, close } = await open(calls, load.inFlight);
  try {
    return await closedLoop(callers, load, watched);
  } finally {
    await close();
  }
}

function open(calls: Job["calls"], inFlight: number): Promise<Callers> {
  if (calls.protocol === "lookup") return lookupCallers(calls.databaseUrl, calls.ids, inFlight);
  return calls.protocol === "grpc" ? grpcCallers(calls, inFlight) : http1Callers(calls, inFlight);
}

serveJobs(run);
