import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * An invalidation also names the accounts of its tags, each behind `@`, because a guard receives only the changes of its own
 * account. Earlier servers find no entry with such a tag. A notification holds 8,000 bytes. If the names do not fit, the
 * accounts are the tags.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function latchkey_invalidate(tags text[], accounts text[]) returns void language plpgsql as $$
    declare
      most constant integer := 200;
      most_bytes constant integer := 7900;
      whole text := 'i ' || array_to_string(
        tags || array(select '@' || account from unnest(accounts) account where account is not null), ' '
      );
    begin
      if cardinality(tags) = 0 then return; end if;
      perform set_config('latchkey.invalidated', 'yes', true);
      perform pg_notify('latchkey', case
        when cardinality(tags) <= most and octet_length(whole) <= most_bytes then whole
        when cardinality(accounts) between 1 and most then 'i ' || array_to_string(accounts, ' ')
        else 'i *'
      end);
    end $$`.execute(db);
}
