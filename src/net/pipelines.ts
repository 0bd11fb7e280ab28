import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What the pipelines of a port report. */
export type PipelineHooks = {
  /** A request arrived on this connection. */
  began: (socket: Socket) => void;
  /** It ended, whether or not it was answered. */
  ended: (socket: Socket) => void;
  /** More requests than allowed wait on this connection. It is to be closed. */
  tooMany: (socket: Socket) => void;
};

/** The HTTP/1 connections of a port, each with the requests that it sent without waiting for answers. */
export type Pipelines = ReturnType<typeof createPipelines>;

interface Pipeline {
  /** Requests that arrived and have not ended. */
  open: number;
  isBusy: boolean;
  isClosed: boolean;
  readonly waiting: (() => void)[];
}

/**
 * Starts the requests of each HTTP/1 connection one after the other. Otherwise, one read of 64 KiB could start thousands
 * of them, and nothing else would run until all had been handled.
 */
export function createPipelines(maxRequests: number, hooks: PipelineHooks) {
  const pipelines = new WeakMap<Socket, Pipeline>();

  function pipelineOf(socket: Socket): Pipeline {
    const known = pipelines.get(socket);
    if (known) return known;
    const made: Pipeline = { open: 0, isBusy: false, isClosed: false, waiting: [] };
    pipelines.set(socket, made);
    // Node never closes the responses to requests that were still waiting.
    socket.once("close", () => {
      made.isClosed = true;
      made.waiting.length = 0;
    });
    return made;
  }

  function startNext(pipeline: Pipeline, socket: Socket): void {
    pipeline.isBusy = pipeline.waiting.length > 0;
    // Others have their turn in between.
    if (pipeline.isBusy) setImmediate(() => socket.destroyed || pipeline.waiting.shift()?.());
  }

  return {
    /** Runs `start` once all earlier requests of the connection have ended, or never if the connection closes before. */
    enter({ socket }: IncomingMessage, response: ServerResponse, start: () => void): void {
      const pipeline = pipelineOf(socket);
      if (pipeline.isClosed) return;
      pipeline.open += 1;
      if (pipeline.open > maxRequests) {
        pipeline.isClosed = true;
        pipeline.waiting.length = 0;
        hooks.tooMany(socket);
        return;
      }
      hooks.began(socket);
      response.once("close", () => {
        pipeline.open -= 1;
        hooks.ended(socket);
        startNext(pipeline, socket);
      });
      if (pipeline.isBusy) pipeline.waiting.push(start);
      else {
        pipeline.isBusy = true;
        start();
      }
    },
  };
}
