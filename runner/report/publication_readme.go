package report

import (
	"bytes"
	"fmt"

	"react/results/writers"
)

// readme says what the folder holds and how to check it.
func (p *publication) readme() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", p.page.Name)
	if p.page.Question != "" {
		fmt.Fprintf(&b, "%s\n\n", p.page.Question)
	}
	if p.page.State != "" {
		fmt.Fprintf(&b, "Not complete: %s.\n\n", p.page.State)
	}
	fmt.Fprintf(&b, `Open [%s](%s) in a browser: question, tables, figures, what was retrieved, and where every number is from. It loads nothing.

| file | what it is |
|:--|:--|
`, pageFile, pageFile)
	for _, f := range [][2]string{
		{"tables/", "each table as " + writers.Formats() + "; stats.json has every number shown, with its test"},
		{"figures/", "each figure as SVG, PDF and PNG"},
		{publishedSpec, "the experiment as it was written"},
		{publishedCommon, "what it shares with the other experiments of its folder"},
		{publishedTrials, "the trials with all their params, resolved"},
		{publishedStages, "the stages: what their keys are made of, digests of what they made, engine, commit of the program"},
		{publishedRows, "the rows that the tables are made of, a number of a trial each"},
		{publishedPredictions, "what each stage that a test compares said of each image"},
		{publishedQueries, "of image-text retrieval: where each caption was found, and where it found its image"},
		{publishedFound, "of detection: what was found of each category in each picture, and what of it hits"},
		{publishedPixels, "of segmentation: the pixels of each class in each picture, said, true, and both"},
		{publishedReport, "what the page shows besides spec and tables"},
		{publishedLicences, "whose data the results were made with"},
	} {
		absent := map[string]bool{publishedQueries: len(p.cases.queries) == 0, publishedFound: len(p.cases.found) == 0,
			publishedPixels: len(p.cases.pixels) == 0, publishedCommon: p.page.Common == nil}
		if absent[f[0]] {
			continue
		}
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", f[0], f[0], f[1])
	}
	fmt.Fprintf(&b, `
To check it: `+"`sha256sum -c %s`"+` compares the files with their digests. `+"`runner publish --check .`"+` does so too, computes the keys of the
stages and the accuracies of the predictions again, and makes the tables, figures and the page from the rows: they must come out as they are here.
To make the results again, from the repository of the program: `+"`%s`"+`
`, publishedDigests, p.page.Command)
	return b.Bytes()
}
