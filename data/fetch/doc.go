// Package fetch gets images of a list of addresses and captions into a folder in
// img2dataset's webdataset layout, politely, and so that it can be ended at any
// moment:
//
//	00000.tar           KEY.jpg (or .png), KEY.txt, KEY.json, sorted by key; successes only
//	00000.parquet       a row for each address of the list, failures too
//	00000_stats.json    counts; written last: its shard is done
//	_fetch/             what is ours: settings, lists, what was fetched of open shards
//
// Each answer is written to its shard's spool before it counts, so that a kill
// loses nothing that was fetched; a shard whose addresses all have answers becomes
// a tar. A list may grow: what a folder has had is not asked for again.
//
// Politeness: a token bucket and a bound on connections for each origin, one cap on
// bandwidth, robots.txt, X-Robots-Tag, Retry-After, exponential back-off, a
// User-Agent that says what this is, connections kept open. An origin that does not
// answer is left alone. Addresses that are not of the internet are refused, since lists come
// from the web.
//
// Words: an item is an address with its caption; an answer is what became of it; a
// failure is temporary when asking again later may help; an origin is scheme, host
// and port.
//
// Not here: which rows are wanted (the caller's list).
package fetch
