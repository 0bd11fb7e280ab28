import {
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  sql,
} from "kysely";
import type { Db } from "./connect.ts";
import type { Database } from "./schema.ts";

/** Runs a statement with some values, and returns its rows. */
export type FixedStatement<V, R> = (db: Db, values: V) => Promise<R[]>;

/** Returns a placeholder for a value that the statement gets when it runs. */
export type Value<V> = <K extends keyof V & string>(name: K) => RawBuilder<V[K]>;

/**
 * Returns a statement whose text never changes. Kysely builds and compiles it once, because that takes longer than to send it.
 * `value` stands for a value with a name.
 */
export function fixedStatement<V extends object, R>(
  build: (db: Db, value: Value<V>) => Compilable<R>,
): FixedStatement<V, R> {
  const value: Value<V> = (name) => sql`${{ [named]: name }}`;
  const compiled: CompiledQuery<R> = build(compiler, value).compile();
  const pick = compiled.parameters.map((parameter) => picker<V>(parameter));
  return async (db, values) => {
    const parameters = pick.map((one) => one(values));
    const { rows } = await db.executeQuery<R>({ ...compiled, parameters });
    return rows;
  };
}

const named = Symbol("name of a value");

// Returns the function that finds a parameter among the values. A parameter without a name is always the same.
function picker<V extends object>(parameter: unknown): (values: V) => unknown {
  if (typeof parameter !== "object" || parameter === null || !(named in parameter)) return () => parameter;
  const name = parameter[named] as keyof V;
  return (values) => values[name];
}

// Compiles statements and runs none.
const compiler: Db = new Kysely<Database>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db: Db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
