package plan

import (
	"maps"
	"testing"
)

// idChanges are changes of one field each, to values that are not the defaults.
var idChanges = []string{
	`retrieve: k: 3`, `retrieve: overfetch: 7`, `retrieve: by: ["t2i"]`, `retrieve: budget: 9`,
	`index: kind: "hnsw"`, `pairs: seed: 3`, `pairs: dedup: false`, `pairs: leakHash: 2`, `pairs: leaks: "drop"`,
	`tune: clip: 0.7`, `tune: gamma: 0.71`, `tune: lr: 0.0123`, `tune: gatedDepth: 1`, `tune: positivesFrom: "base"`,
	`tune: weightDecay: 0.3`, `tune: augment: color: 0.33`, `pool: w: maxBad: 3`,
	`evaluate: probed: samples: 2`, `evaluate: tuned: samples: 2`, `backbone: pretrain: vocab: 600`,
}

// TestIDsFollowKeys: two trials have one id exactly where all their stages have one key. A field that no
// stage reads is not in the id, or one result would stand under two; a field that one reads is, or one of
// two results would be dropped.
func TestIDsFollowKeys(t *testing.T) {
	const evaluations = `
evaluate: found: {kind: "pairs", dataset: "pool:w/task"}
evaluate: probed: {kind: "probe", dataset: "pool:w/task", train: "pool:w/choose", shots: 1}
evaluate: tuned: {kind: "finetune", dataset: "pool:w/task", train: "pool:w/choose", shots: 2}
`
	tried, differ := 0, 0
	for _, mode := range []string{"none", "full", "locked-text", "gated-image"} {
		for _, control := range []string{"none", "random", "caption-match", "oracle", "continued"} {
			text := header + evaluations + `tune: mode: "` + mode + "\"\npairs: control: \"" + control + "\"\n"
			plain := tryTrial(t, text)
			if plain == nil {
				t.Fatalf("%s, %s: not a spec", mode, control)
			}
			for _, change := range idChanges {
				changed := tryTrial(t, text+change+"\n")
				if changed == nil {
					continue // the spec says itself that nothing reads it
				}
				tried++
				same := maps.Equal(stageKeys(plain), stageKeys(changed))
				if !same {
					differ++
				}
				if same != (plain.ID == changed.ID) {
					t.Errorf("%s, control %s, %s: same stage keys %v, same id %v", mode, control, change, same, plain.ID == changed.ID)
				}
			}
		}
	}
	if tried < 200 || differ < 100 || differ == tried {
		t.Errorf("%d pairs of trials, %d of them with other keys: too few to tell", tried, differ)
	}
}

// tryTrial plans the one trial of a text; nil where it is no spec.
func tryTrial(t *testing.T, text string) *Trial {
	t.Helper()
	p, err := tryToPlan(t, text)
	if err != nil {
		t.Log(err)
		return nil
	}
	return &p.Trials[0]
}

func stageKeys(t *Trial) map[string]string {
	keys := map[string]string{}
	for name, s := range t.Stages {
		keys[name] = s.Key
	}
	return keys
}
