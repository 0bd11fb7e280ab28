import { withStatements } from "../../db/statement-scope.ts";

/** An occurrence and how often it was counted within one minute. */
export interface Counted<T> {
  /** The first occurrence with this key in this minute. */
  first: T;
  /** The start of the minute. */
  minute: Date;
  count: number;
}

/** Counts occurrences without delaying calls, and writes the counts in batches. */
export interface CountBuffer<T> {
  /** Counts an occurrence in the current minute, together with others that have the same key. */
  add(key: string, happened: T): void;
  /** Writes the buffered counts. Runs on a timer, before a list and at shutdown. */
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. */
  close(): Promise<void>;
}

/** The dependencies of a buffer. */
export interface CountBufferDeps<T> {
  /** The name of the occurrences, for the error about an overflow. */
  name: string;
  intervalMs: number;
  /** Writes a batch. If it fails, the buffer keeps the batch and writes it again. */
  write(batch: Counted<T>[]): Promise<void>;
  onError(error: unknown): void;
}

// The number of different keys within one interval. The buffer does not count further keys, and reports them as an
// error.
const maxBuffered = 10_000;

/** Returns the start of the current minute, in milliseconds. */
export function currentMinute(): number {
  return Math.floor(Date.now() / 60_000) * 60_000;
}

/** Creates a buffer and starts its timer. */
export function createCountBuffer<T>(deps: CountBufferDeps<T>): CountBuffer<T> {
  let buffered = new Map<string, Counted<T>>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const batch = buffered;
    if (batch.size === 0) return;
    buffered = new Map();
    try {
      // The batch also has occurrences of other callers. So it is written without a caller, whose abort would
      // end the write.
      await withStatements({}, () => deps.write([...batch.values()]));
    } catch (error) {
      for (const [key, counted] of batch) put(key, counted);
      throw error;
    }
  }

  function put(key: string, counted: Counted<T>): void {
    const known = buffered.get(key);
    if (known) known.count += counted.count;
    else if (buffered.size < maxBuffered) buffered.set(key, counted);
    else deps.onError(new Error(`${deps.name} not recorded: ${maxBuffered} are waiting`));
  }

  function flush(): Promise<void> {
    writing = writing.catch(() => {}).then(write);
    return writing;
  }

  const timer = setInterval(() => flush().catch(deps.onError), deps.intervalMs);
  timer.unref();

  return {
    add(key, happened) {
      const minute = currentMinute();
      put(`${minute} ${key}`, { first: happened, minute: new Date(minute), count: 1 });
    },
    flush,
    async close() {
      clearInterval(timer);
      await flush().catch(deps.onError);
    },
  };
}
