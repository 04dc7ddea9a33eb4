// Package results has what experiments measured: rows, single predictions, queries, and the
// files that hold them. The packages in it turn rows into tables that can go into a paper, with
// mean ± standard deviation over seeds, differences to a baseline with an honest test, and a
// footnote wherever a cell is not what it seems.
//
// Data flows through these packages, and each imports only those before it:
//
//	results    rows from JSONL or Parquet: ReadFile
//	dense      figures of boxes, masks and label maps, accumulated over pictures
//	stat       means, intervals, sign flips, Holm's correction
//	grid       rows + Table → Grid: Build; differences, footnotes and remarks
//	figures    Grid → a drawing; curves, histograms and moves of a report; on render
//	writers    Grid → .txt .md .tex .csv .parquet, figures and stats.json: WriteAll
//	report     the HTML page
//
// They read no spec, run nothing and hold no numbers of their own (published ones stand in
// package reference): a table is a projection of rows, and a row is one number that one stage of
// one trial gave.
//
// Words used here:
//
//	row        a measured number (type Row); a line of a table is a "line"
//	point      a row that fell into a cell
//	metric     "SET/METRIC", as "task/acc@1" or "pairs/unique"
//	path       a param by its dotted name, as "tune.mode"; also label, seed,
//	           class, set, engine
//	case       trials that carry a label; each label has its own line
//	span       a trial that does not read a column's param holds for all of them
//	residue    what varies inside a cell though it is neither line, nor column,
//	           nor seed; it is footnoted, never silently averaged
//	baseline   the line that others are compared with
//	cluster    what is right or wrong together: a class's images, an image's captions
//	fixed      a comparison that was named before any number was seen; all
//	           others are exploratory; each are a family of Holm's correction
package results
