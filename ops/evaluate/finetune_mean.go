package evaluate

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"react/data/npy"
	"react/ops/op"
)

// meanOfSamples gives the mean of fine-tunings that differ in their seed. In: "sample.SEED" for
// each, fine-tune stages. Out: rows.jsonl as a probe's, finetune.json with all runs, of one sample
// its predictions.parquet, and scores.npy where asked.
func meanOfSamples(_ context.Context, run *op.Run, p Params) error {
	seeds := map[int]string{}
	for name, dir := range run.Inputs("sample.") {
		if seed, err := strconv.Atoi(name); err == nil {
			seeds[seed] = dir
		}
	}
	if len(seeds) == 0 {
		return fmt.Errorf("a mean of no fine-tuning")
	}
	pr := &prober{run: run, file: fineTuneFile, keepScores: p.Scores}
	for _, seed := range slices.Sorted(maps.Keys(seeds)) {
		if err := pr.addSample(seeds[seed]); err != nil {
			return err
		}
	}
	if len(seeds) == 1 {
		for _, dir := range seeds {
			if err := copyPredictions(dir, run.Dir); err != nil {
				return err
			}
		}
	}
	return pr.write()
}

// addSample reads what one fine-tuning has to say.
func (pr *prober) addSample(dir string) error {
	var report probeReport
	if err := op.ReadJSON(filepath.Join(dir, fineTuneFile), &report); err != nil {
		return err
	}
	runs := append(pr.report.Runs, report.Runs...)
	if len(runs) == 1 {
		pr.report = report
	}
	pr.report.Runs, pr.tested = runs, report.Tested
	if !pr.keepScores {
		return nil
	}
	_, values, err := npy.Read(filepath.Join(dir, ScoresFile))
	pr.kept = append(pr.kept, values...)
	return err
}

// copyPredictions is nothing where images have several classes.
func copyPredictions(from, to string) error {
	path := filepath.Join(from, predictionsFile)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	return op.CopyFile(path, filepath.Join(to, predictionsFile))
}
