import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import type { Limits } from "./limits.ts";
import type { RefusalReason } from "./refused-connections.ts";
import { createResetBudget } from "./reset-budget.ts";
import type { TurnCounter, TurnCounters } from "./turn-counter.ts";

/** A kind of flood. */
export type FloodReason = Extract<RefusalReason, "rapid_reset" | "frame_flood">;

/** When a stream may start: at once, after the pending input has been read, or never. */
export type Start = "now" | "later" | "never";

/** Follows one HTTP/2 connection to detect floods. */
export interface FloodWatch {
  /** Counts a stream that opened. Returns when the stream may start. */
  enter(stream: ServerHttp2Stream): Start;
  /** Counts a stream that closed. `openedAt` is monotonic, in milliseconds. */
  leave(stream: ServerHttp2Stream, openedAt: number): void;
}

// The control frames of a connection for which node emits an event. An honest client sends a few per second.
const controlEvents = ["ping", "remoteSettings", "goaway"];

/** Starts to follow a connection. It may call `onFlood` more than once for one flood. */
export function watchFloods(
  session: ServerHttp2Session,
  limits: Limits,
  counters: TurnCounters,
  onFlood: (reason: FloodReason) => void,
): FloodWatch {
  const resets = createResetBudget(limits, performance.now());
  const [opened, control, pieces] = [counters.create(), counters.create(), counters.create()];
  // A stream ends within the turn in which it began only if the client resets it. Several turns of the client may fall into
  // one turn of the server.
  const maxOpened = 2 * limits.maxStreams;
  const onControl = () => {
    if (control.add() > limits.maxControlFramesPerTurn) onFlood("frame_flood");
  };
  for (const event of controlEvents) session.on(event, onControl);

  return {
    enter(stream) {
      if (opened.add() > maxOpened) {
        onFlood("rapid_reset");
        return "never";
      }
      limitPieces(stream, pieces, limits, () => onFlood("frame_flood"));
      return stream.destroyed || resets.isLow() ? "later" : "now";
    },
    leave(stream, openedAt) {
      // Resets by the server count too, because a client can provoke them with an invalid frame.
      const isReset = !stream.headersSent || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      const now = isReset ? performance.now() : 0;
      if (!isReset) resets.earn();
      else if (now - openedAt < limits.rapidResetMs && !resets.spend(now)) onFlood("rapid_reset");
    },
  };
}

type PieceLimits = Pick<Limits, "tinyPieceBytes" | "maxTinyPiecesPerTurn">;

/**
 * Counts the tiny pieces of a request body as they arrive. Each costs as much as a large one, so a client that sends single
 * bytes could occupy the event loop. Calls `onFlood` for every piece above the limit, and drops that piece.
 */
export function limitPieces(
  body: Readable,
  pieces: TurnCounter,
  limits: PieceLimits,
  onFlood: () => void,
): void {
  // Node delivers every piece through this method, for HTTP/1 and HTTP/2. A listener for `data` would start the reading.
  const push = body.push.bind(body);
  body.push = (piece, encoding) => {
    const isTiny = piece !== null && piece.length < limits.tinyPieceBytes;
    if (!isTiny || pieces.add() <= limits.maxTinyPiecesPerTurn) return push(piece, encoding);
    onFlood();
    return false;
  };
}
