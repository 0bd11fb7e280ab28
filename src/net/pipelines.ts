import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { limitPieces } from "./floods.ts";
import type { Limits } from "./limits.ts";
import { createTurns, type TurnCounter } from "./turn-counter.ts";

/** What the pipelines of a port report. */
export type PipelineHooks = {
  /** A request arrived on this connection. */
  began: (socket: Socket) => void;
  /** It ended, whether or not it was answered. */
  ended: (socket: Socket) => void;
  /** A connection is to be closed: too many requests wait on it, or it sends bodies in too many pieces. */
  flooded: (socket: Socket, reason: "pipeline_too_long" | "frame_flood") => void;
};

/** The HTTP/1 connections of a port, each with the requests that it sent without waiting for answers. */
export type Pipelines = ReturnType<typeof createPipelines>;

interface Pipeline {
  /** Requests that arrived and have not ended. */
  open: number;
  isBusy: boolean;
  isClosed: boolean;
  readonly waiting: (() => void)[];
  readonly pieces: TurnCounter;
}

/**
 * Starts the requests of each HTTP/1 connection one after the other. Otherwise, one read of 64 KiB could start thousands
 * of them, and nothing else would run until all had been handled.
 */
export function createPipelines(limits: Limits, hooks: PipelineHooks) {
  const turns = createTurns();
  const pipelines = new WeakMap<Socket, Pipeline>();

  function pipelineOf(socket: Socket): Pipeline {
    const known = pipelines.get(socket);
    if (known) return known;
    const made: Pipeline = { open: 0, isBusy: false, isClosed: false, waiting: [], pieces: turns.counter() };
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

  function close(pipeline: Pipeline, socket: Socket, reason: "pipeline_too_long" | "frame_flood"): void {
    if (pipeline.isClosed) return;
    pipeline.isClosed = true;
    pipeline.waiting.length = 0;
    hooks.flooded(socket, reason);
  }

  return {
    /** Runs `start` once all earlier requests of the connection have ended, or never if the connection closes before. */
    enter(request: IncomingMessage, response: ServerResponse, start: () => void): void {
      const { socket } = request;
      const pipeline = pipelineOf(socket);
      if (pipeline.isClosed) return;
      pipeline.open += 1;
      if (pipeline.open > limits.maxPipelinedRequests) {
        close(pipeline, socket, "pipeline_too_long");
        return;
      }
      if (request.headers["transfer-encoding"] !== undefined) {
        limitPieces(request, pipeline.pieces, limits, () => close(pipeline, socket, "frame_flood"));
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
