// Package results turns the rows of an experiment into tables that can go into
// a paper: mean ± standard deviation over seeds, difference to a baseline with
// an honest test, and a footnote wherever a cell is not what it seems.
//
// Data flows through these functions, in this order:
//
//	ReadFile   rows from JSONL or Parquet             rowfile.go
//	Build      rows + Table spec → Grid               build.go, arrange.go, cell.go
//	           differences to the baseline            compare.go, difference.go, measure.go, stat/
//	           footnotes and remarks                  remarks.go
//	WriteAll   Grid → .txt .md .tex .csv .parquet     text.go ... write.go
//	           and .svg .pdf .png                     figure.go, render/
//
// It reads no spec, runs nothing and holds no figures of its own: a table is a
// projection of rows, and a row is one number that one stage of one trial gave.
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
