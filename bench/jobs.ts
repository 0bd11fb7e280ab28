/** The message that a worker process sends after a job. */
export type JobAnswer<R> = { result: R } | { error: string };

/** Runs the jobs that the parent process sends. Ends with the parent. A worker process calls it once. */
export function serveJobs<J, R>(run: (job: J) => Promise<R>): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", (job: J) => {
    run(job).then(
      (result) => process.send?.({ result } satisfies JobAnswer<R>),
      (error: unknown) => process.send?.({ error: String(error) } satisfies JobAnswer<R>),
    );
  });
}
