import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { limitPieces } from "./floods.ts";
import type { Limits } from "./limits.ts";
import { createTurnCounters, type TurnCounter } from "./turn-counter.ts";

/** What the pipelines of a port report. */
export type PipelineHooks = {
  /** Called when a request arrived on this connection. */
  began: (socket: Socket) => void;
  /** Called when a request ended, with or without a response. */
  ended: (socket: Socket) => void;
  /** Called to close a connection: too many requests wait on it, or it sends bodies in too many pieces. */
  flooded: (socket: Socket, reason: "pipeline_too_long" | "frame_flood") => void;
};

/** The HTTP/1 connections of a port, each with the requests that it sent without waiting for responses. */
export type Pipelines = ReturnType<typeof createPipelines>;

interface Pipeline {
  /** How many requests have arrived and not ended. */
  open: number;
  isBusy: boolean;
  isClosed: boolean;
  readonly waiting: (() => void)[];
  readonly pieces: TurnCounter;
}

/**
 * Starts the requests of each HTTP/1 connection one after the other. Otherwise, one read of 64 KiB could start thousands
 * of requests, and the event loop would handle all of them before anything else.
 */
export function createPipelines(limits: Limits, hooks: PipelineHooks) {
  const counters = createTurnCounters();
  const pipelines = new WeakMap<Socket, Pipeline>();

  function pipelineOf(socket: Socket): Pipeline {
    const known = pipelines.get(socket);
    if (known) return known;
    const made = newPipeline(counters.create());
    pipelines.set(socket, made);
    // Node never closes the responses of requests that still wait.
    socket.once("close", () => {
      made.isClosed = true;
      made.waiting.length = 0;
    });
    return made;
  }

  function startNext(pipeline: Pipeline, socket: Socket): void {
    pipeline.isBusy = pipeline.waiting.length > 0;
    // Other connections get their turn in between.
    if (pipeline.isBusy) setImmediate(() => socket.destroyed || pipeline.waiting.shift()?.());
  }

  function close(pipeline: Pipeline, socket: Socket, reason: "pipeline_too_long" | "frame_flood"): void {
    if (pipeline.isClosed) return;
    pipeline.isClosed = true;
    pipeline.waiting.length = 0;
    hooks.flooded(socket, reason);
  }

  return {
    /** Calls `start` when all earlier requests of the connection have ended. Never calls it if the connection closes first. */
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

function newPipeline(pieces: TurnCounter): Pipeline {
  return { open: 0, isBusy: false, isClosed: false, waiting: [], pieces };
}
