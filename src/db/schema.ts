/** The tables as Kysely sees them. */
// biome-ignore lint/suspicious/noEmptyInterface: the tables arrive with the first migrations
export interface Database {}
