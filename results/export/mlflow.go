package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"react/results"
)

// MLflow writes runs as one experiment of a file store, which MLflow opens by
// the tracking URI of the folder: mlflow ui --backend-store-uri DIR, with
// MLFLOW_ALLOW_FILE_STORE=true from 3.13 on. Names hold
// the characters that MLflow takes: acc@1 is acc_at_1. dir must be new or hold
// no other experiment.
func MLflow(dir, experiment string, runs []Run) error {
	if err := check(runs); err != nil {
		return err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	folder := filepath.Join(root, experimentID)
	// MLflow wants it to be there
	if err := os.MkdirAll(filepath.Join(root, ".trash"), 0o777); err != nil {
		return err
	}
	var first, last int64
	for _, r := range runs {
		if first == 0 || milliseconds(r.Started) < first {
			first = milliseconds(r.Started)
		}
		last = max(last, milliseconds(r.Ended))
	}
	if err := writeMeta(folder, [][2]string{{"artifact_location", quoted("file://" + folder)}, {"creation_time", fmt.Sprint(first)}, {"experiment_id", quoted(experimentID)},
		{"last_update_time", fmt.Sprint(last)}, {"lifecycle_stage", "active"}, {"name", quoted(experiment)}}); err != nil {
		return err
	}
	for _, r := range runs {
		if err := mlflowRun(folder, r); err != nil {
			return fmt.Errorf("run %s: %w", r.ID, err)
		}
	}
	return nil
}

// experimentID is the number of the one experiment. 0 is MLflow's own default.
const experimentID = "1"

// runID is MLflow's form of an id: 32 hex digits.
func runID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

func mlflowRun(folder string, r Run) error {
	id := runID(r.ID)
	dir := filepath.Join(folder, id)
	const finished, failed, local = "3", "4", "4" // RunStatus, and SourceType
	status := finished
	if r.Failed {
		status = failed
	}
	if err := writeMeta(dir, [][2]string{{"artifact_uri", quoted("file://" + filepath.Join(dir, "artifacts"))}, {"end_time", fmt.Sprint(milliseconds(r.Ended))},
		{"entry_point_name", quoted("")}, {"experiment_id", quoted(experimentID)}, {"lifecycle_stage", "active"}, {"run_id", quoted(id)}, {"run_name", quoted(r.Name)},
		{"run_uuid", quoted(id)}, {"source_name", quoted("")}, {"source_type", local}, {"source_version", quoted("")}, {"start_time", fmt.Sprint(milliseconds(r.Started))},
		{"status", status}, {"tags", "[]"}, {"user_id", quoted("runner")}}); err != nil {
		return err
	}
	files := map[string][]byte{"tags/mlflow.runName": []byte(r.Name), "tags/runner.trial": []byte(r.ID)}
	for name, value := range r.Params {
		files["params/"+plainName(name)] = []byte(value)
	}
	for _, s := range r.Series {
		var b bytes.Buffer
		for _, p := range s.Points {
			if results.IsFinite(p.Value) { // MLflow's reader has no word for the rest
				fmt.Fprintf(&b, "%d %s %d\n", milliseconds(p.At), strconv.FormatFloat(p.Value, 'g', -1, 64), p.Step)
			}
		}
		if b.Len() > 0 {
			files["metrics/"+plainName(s.Name)] = b.Bytes()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o666); err != nil {
			return err
		}
	}
	// a folder without all of them is no run
	for _, name := range []string{"artifacts", "metrics", "params", "tags"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			return err
		}
	}
	return nil
}

// writeMeta writes meta.yaml, whose values are numbers, words and quoted texts.
func writeMeta(dir string, fields [][2]string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, f := range fields {
		fmt.Fprintf(&b, "%s: %s\n", f[0], f[1])
	}
	return os.WriteFile(filepath.Join(dir, "meta.yaml"), b.Bytes(), 0o666)
}

// quoted is a text in YAML's double quotes, which take JSON's escapes.
func quoted(s string) string { return strconv.QuoteToASCII(s) }
