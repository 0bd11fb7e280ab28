import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Readable } from "node:stream";
import type { Limits } from "./limits.ts";
import type { RefusalReason } from "./refusal.ts";
import { createResetBudget } from "./reset-budget.ts";
import type { TurnCounter, Turns } from "./turn-counter.ts";

/** A kind of flood. */
export type FloodReason = Extract<RefusalReason, "rapid_reset" | "frame_flood">;

/** When a stream may start: at once, once the pending input has been read, or never. */
export type Start = "now" | "later" | "never";

/** Follows one HTTP/2 connection, to tell when its client floods it. */
export interface FloodWatch {
  /** Counts a stream that opened, and tells when it may start. */
  enter(stream: ServerHttp2Stream): Start;
  /** Counts a stream that closed, which opened at that time. */
  leave(stream: ServerHttp2Stream, openedAt: number): void;
}

// Frames about the connection for which node calls us. An honest client sends a few per second.
const controlEvents = ["ping", "remoteSettings", "goaway"];

/** Starts to follow a connection. `onFlood` is called with every flood that is seen, perhaps more than once. */
export function watchFloods(
  session: ServerHttp2Session,
  limits: Limits,
  turns: Turns,
  onFlood: (reason: FloodReason) => void,
): FloodWatch {
  const resets = createResetBudget(limits, performance.now());
  const [opened, control, pieces] = [turns.counter(), turns.counter(), turns.counter()];
  // A stream ends within the turn that it began in only if it is reset. A few turns of the client may fall into one of ours.
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
      // Whichever side reset it: a client can provoke a reset of ours, by an invalid frame.
      const isReset = !stream.headersSent || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      const now = isReset ? performance.now() : 0;
      if (!isReset) resets.earn();
      else if (now - openedAt < limits.rapidResetMs && !resets.spend(now)) onFlood("rapid_reset");
    },
  };
}

type PieceLimits = Pick<Limits, "tinyPieceBytes" | "maxTinyPiecesPerTurn">;

/**
 * Counts the tiny pieces of a request's body as they arrive. Each costs as much as a large one, so a client that sends
 * single bytes could keep the event loop for itself. `onFlood` is called for every piece too many; that piece is lost.
 */
export function limitPieces(
  body: Readable,
  pieces: TurnCounter,
  limits: PieceLimits,
  onFlood: () => void,
): void {
  // Node hands over every piece by this method, of HTTP/1 and HTTP/2. Listening to the pieces would start to read them.
  const push = body.push.bind(body);
  body.push = (piece, encoding) => {
    const isTiny = piece !== null && piece.length < limits.tinyPieceBytes;
    if (!isTiny || pieces.add() <= limits.maxTinyPiecesPerTurn) return push(piece, encoding);
    onFlood();
    return false;
  };
}
