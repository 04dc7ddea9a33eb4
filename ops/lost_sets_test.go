package ops

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/lost"
	"react/data/npy"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
	"react/ops/pairs"
)

// lostImage is image i of a set of 20: two cannot be read.
func lostImage(t *testing.T, i int) []byte {
	if i == 4 || i == 11 {
		return []byte("<!DOCTYPE html>")
	}
	return optest.GreyImage(t, fmt.Sprint(10*i))
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// lostFolders has a folder for each class, lostHub a table in which two images are null, lostList
// two files that are not there.
func lostFolders(t *testing.T) string {
	dir := t.TempDir()
	for i := range 20 {
		writeFile(t, filepath.Join(dir, []string{"cat", "dog"}[i%2], fmt.Sprintf("%02d.png", i)), lostImage(t, i))
	}
	return dir
}

func lostHub(t *testing.T) string {
	type row struct {
		Image []byte `parquet:"image,optional"`
		Label int32  `parquet:"label"`
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "test-00000-of-00001.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := parquet.NewGenericWriter[row](f, parquet.KeyValueMetadata("huggingface", `{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}`))
	for i := range 20 {
		r := row{Label: int32(i % 2)}
		if i != 4 && i != 11 {
			r.Image = lostImage(t, i)
		}
		if _, err := w.Write([]row{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func lostList(t *testing.T) string {
	dir := t.TempDir()
	text := "path,label\n"
	for i := range 20 {
		text += fmt.Sprintf("%02d.png,%s\n", i, []string{"cat", "dog"}[i%2])
		if i != 4 && i != 11 {
			writeFile(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), lostImage(t, i))
		}
	}
	writeFile(t, filepath.Join(dir, "test.csv"), []byte(text))
	return dir
}

// lostCaptions are images with captions, one of which is not there and one does not decode.
func lostCaptions(t *testing.T) string {
	dir := t.TempDir()
	var images []map[string]any
	for i := range 20 {
		name := fmt.Sprintf("%02d.png", i)
		images = append(images, map[string]any{"filename": name, "split": "test", "sentences": []map[string]string{{"raw": fmt.Sprintf("picture %d", i)}}})
		if i != 4 {
			writeFile(t, filepath.Join(dir, name), lostImage(t, i))
		}
	}
	raw, err := json.Marshal(map[string]any{"images": images})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "dataset_x.json"), raw)
	return dir
}

// TestSetsSayWhatTheyLost: images of an evaluation set that cannot be read are left out and
// counted, whatever the layout and the stage; more than a share are an error.
func TestSetsSayWhatTheyLost(t *testing.T) {
	on, _, base := small.TwoStepBase(t)
	for _, set := range []struct {
		name  string
		dir   string
		by    map[lost.Cause]int64
		error string
	}{
		{"folders", lostFolders(t), map[lost.Cause]int64{lost.Undecodable: 2}, "2 of 20 images (10.0 %) do not decode, over maxBadShare 0.05"},
		{"hub", lostHub(t), map[lost.Cause]int64{lost.NoBytes: 2}, "2 of 20 images (10.0 %) have no bytes, over maxBadShare 0.05"},
		{"list", lostList(t), map[lost.Cause]int64{lost.NotThere: 2}, "2 of 20 listed images are not there, the first is 04.png"},
		{"captions", lostCaptions(t), map[lost.Cause]int64{lost.NotThere: 1, lost.Undecodable: 1}, "over maxBadShare 0.05"},
	} {
		for name, params := range lostStages(set.name == "captions") {
			t.Run(set.name+" "+name, func(t *testing.T) {
				try := func(share float64) (*optest.Run, error) {
					r := optest.New(t, map[string]string{"checkpoint": base}, map[string]op.Files{"dataset": {Root: set.dir}})
					r.OpenEngine = func() (*engine.Engine, error) { return on, nil }
					return r, try(r, name, params(share))
				}
				if _, err := try(0.05); err == nil || !strings.Contains(err.Error(), set.error) {
					t.Errorf("got %v, want %q", err, set.error)
				}
				r, err := try(0.1)
				if err != nil {
					t.Fatal(err)
				}
				if c := optest.LostIn(r); !maps.Equal(c.By, set.by) || c.Of != 20 || !strings.HasPrefix(c.Remark(), "Warning: set ") {
					t.Errorf("lost: %+v, want %v of 20", c, set.by)
				}
				checkLeft(t, r, name)
			})
		}
	}
}

// lostStages are the stages that read a set, with a share.
func lostStages(captions bool) map[string]func(share float64) any {
	stages := map[string]func(share float64) any{
		"fingerprint": func(share float64) any { return pairs.FingerprintParams{Captions: captions, MaxBadShare: share} },
		"evaluate": func(share float64) any {
			return evaluate.Params{Kind: map[bool]string{true: "retrieval", false: "zeroshot"}[captions], Prompts: []string{"a {}"}, MaxBadShare: share}
		},
	}
	if !captions {
		stages["features"] = func(share float64) any { return embed.FeaturesParams{MaxBadShare: share} }
	}
	return stages
}

// checkLeft: what is written is of the 18 images that are left, each with its own.
func checkLeft(t *testing.T, r *optest.Run, name string) {
	t.Helper()
	switch name {
	case "evaluate":
		rows, err := op.ReadRows(r.Dir)
		if err != nil || rows[0].N != 18 {
			t.Errorf("%v, %v: want figures of 18 images", rows[:1], err)
		}
	case "features", "fingerprint":
		shape, _, err := npy.Read(filepath.Join(r.Dir, embed.FeaturesFile))
		if err != nil || shape[0] != 18 {
			t.Errorf("vectors %v, %v", shape, err)
		}
		keys := map[string]bool{}
		if name == "features" {
			items, err := parquet.ReadFile[embed.FeatureItem](filepath.Join(r.Dir, "items.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range items {
				keys[item.Key] = item.SHA256 != "" && len(item.Labels) == 1
			}
		} else {
			prints, _, err := pairs.ReadFingerprints(r.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range prints {
				keys[p.Key] = p.SHA256 != ""
			}
		}
		good := 0
		for _, ok := range keys {
			if ok {
				good++
			}
		}
		if good != 18 || len(keys) != 18 {
			t.Errorf("%d images are described, %d in full, want 18", len(keys), good)
		}
	}
}

// TestAClassThatIsLost: a class of which no image can be read cannot be measured, whatever share
// may be lost.
func TestAClassThatIsLost(t *testing.T) {
	on, _, base := small.TwoStepBase(t)
	dir := t.TempDir()
	for i := range 4 {
		writeFile(t, filepath.Join(dir, "cat", fmt.Sprintf("%d.png", i)), optest.GreyImage(t, fmt.Sprint(10*i)))
	}
	writeFile(t, filepath.Join(dir, "dog", "0.png"), []byte("<html>"))
	for _, name := range []string{"evaluate", "features"} {
		r := optest.New(t, map[string]string{"checkpoint": base}, map[string]op.Files{"dataset": {Root: dir}})
		r.OpenEngine = func() (*engine.Engine, error) { return on, nil }
		err := try(r, name, lostStages(false)[name](1))
		if err == nil || !strings.Contains(err.Error(), `class 1 ("dog") has no image that can be read`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestFineTuneLeavesOutUnread: training and test images alike.
func TestFineTuneLeavesOutUnread(t *testing.T) {
	dir := lostFolders(t)
	r := optest.New(t, nil, map[string]op.Files{"train": {Root: dir}})
	set, err := embed.OpenLabelled(&r.Run, "train", embed.FeaturesParams{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := embed.DropUnread(t.Context(), &r.Run, set, 0.05); err == nil || !strings.Contains(err.Error(), "2 of 20 images (10.0 %) do not decode") {
		t.Errorf("over the share: %v", err)
	}
	if err := embed.DropUnread(t.Context(), &r.Run, set, 0.1); err != nil || len(set.Items) != 18 {
		t.Errorf("%v, %d images, want 18", err, len(set.Items))
	}
	for i, item := range set.Items {
		if raw, err := set.Read(i); err != nil || !strings.HasPrefix(string(raw), "\x89PNG") {
			t.Errorf("image %s: %v", item.Key, err)
		}
	}
}
