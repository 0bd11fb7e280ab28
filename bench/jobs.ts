/** What a process that does jobs answers. */
export type JobAnswer<R> = { result: R } | { error: string };

/** Does the jobs that the parent process sends, and ends with the parent. Call once, in a process of its own. */
export function serveJobs<J, R>(run: (job: J) => Promise<R>): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", (job: J) => {
    run(job).then(
      (result) => process.send?.({ result } satisfies JobAnswer<R>),
      (error: unknown) => process.send?.({ error: String(error) } satisfies JobAnswer<R>),
    );
  });
}
