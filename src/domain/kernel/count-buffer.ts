import { withStatements } from "../../db/statement-scope.ts";

/** Something that happened so many times within a minute. */
export interface Counted<T> {
  /** The first time, as it was told. */
  first: T;
  /** The beginning of the minute. */
  minute: Date;
  count: number;
}

/** Counts what happens off the path of calls, and writes it in batches. */
export interface CountBuffer<T> {
  /** Counts something in the current minute, together with what had the same key. */
  add(key: string, happened: T): void;
  /** Writes what is buffered. Called on a timer, before a list, and at the end. */
  flush(): Promise<void>;
  /** Stops the timer and writes the rest. */
  close(): Promise<void>;
}

/** What a buffer depends on. */
export interface CountBufferDeps<T> {
  /** What is counted, for the report of an overflow. */
  name: string;
  intervalMs: number;
  /** Writes a batch. What it fails to write is tried again. */
  write(batch: Counted<T>[]): Promise<void>;
  onError(error: unknown): void;
}

// Different keys within one interval. What comes on top is not counted, and reported.
const maxBuffered = 10_000;

/** The beginning of the current minute, in milliseconds. */
export function currentMinute(): number {
  return Math.floor(Date.now() / 60_000) * 60_000;
}

/** Starts to count. */
export function createCountBuffer<T>(deps: CountBufferDeps<T>): CountBuffer<T> {
  let buffered = new Map<string, Counted<T>>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const batch = buffered;
    if (batch.size === 0) return;
    buffered = new Map();
    try {
      // What others did is in it too: it is written on behalf of nobody, and no caller that gives up ends it.
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
