package k8s

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"react/runner/launch"
)

func options() *Options {
	return &Options{Sweep: "Emoji_modes/0a1b2c3d", Image: "debian:12-slim", Volumes: []Volume{{"work", "/srv"}, {"data", "/data"}},
		Program: "/srv/st/bin/runner", Store: "/srv/st", Args: []string{"--engine", "auto"}, WorkDir: "/srv", Throttle: 2, Retries: 3}
}

var record = &launch.Record{Dir: "/srv/st/k8s/2-engine", Name: "rn-Emoji_modes-0a1b2c3d-2-engine", Op: "tune", Keys: []string{"a", "b", "c"},
	Resources: launch.Resources{Class: "engine", CPUs: 4, Memory: 3 << 30, GPUs: 1}}

// schema is the published schema of a batch/v1 Job, strict: see its $comment.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile("testdata/job-v1.33.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("job.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("job.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// TestJobIsValid holds a Job to Kubernetes' schema, and the schema to finding
// what is wrong with one that is not a Job.
func TestJobIsValid(t *testing.T) {
	s := schema(t)
	for level := range 2 {
		text, err := json.Marshal(options().New(record, level))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("level %d: %v\n%s", level, err, text)
		}
		for from, to := range map[string]string{
			`"completionMode"`:         `"completionMod"`,
			`"completions":3`:          `"completions":"3"`,
			`"operator":"In",`:         ``,
			`"restartPolicy":"Never"`:  `"restartPolicy":7`,
			`"mountPath":"/srv"`:       `"mountpath":"/srv"`,
			`"containerName":"worker"`: `"container":"worker"`,
		} {
			broken := strings.Replace(string(text), from, to, 1)
			if broken == string(text) {
				t.Errorf("no %s in %s", from, text)
			}
			if err := validate(t, s, []byte(broken)); err == nil {
				t.Errorf("accepted with %s for %s", to, from)
			}
		}
	}
}

// TestJob compares what decides retries and starts, which no schema checks.
func TestJob(t *testing.T) {
	got := options().New(record, 1)
	if got.Metadata.Name != "rn-emoji-modes-0a1b2c3d-2-engine" || !label.MatchString(got.Metadata.Name) {
		t.Errorf("name %s", got.Metadata.Name)
	}
	sp := got.Spec
	if sp.CompletionMode != "Indexed" || sp.Completions != 3 || sp.Parallelism != 2 || !sp.Suspend || sp.BackoffLimitPerIndex != 3 {
		t.Errorf("%+v", sp)
	}
	pod := sp.Template.Spec
	if pod.RestartPolicy != "Never" || pod.TerminationGracePeriodSeconds != 120 {
		t.Errorf("%+v", pod)
	}
	want := []string{"/srv/st/bin/runner", "worker", "--tasks", "/srv/st/k8s/2-engine/tasks.jsonl", "--store", "/srv/st", "--engine", "auto"}
	if c := pod.Containers[0]; !reflect.DeepEqual(c.Command, want) || c.Resources.Limits["nvidia.com/gpu"] != "1" || c.Resources.Limits["memory"] != "3072Mi" || c.Resources.Requests["cpu"] != "4" {
		t.Errorf("%+v", c)
	}
	if first := options().New(record, 0); first.Spec.Suspend {
		t.Error("the first level is suspended")
	}
	// A worker's exit codes: 1 a stage failed, 2 usage, 3 spec are final; 4 store and 75 preempted
	// are not.
	if rules := sp.PodFailurePolicy.Rules; rules[0].Action != "Ignore" || rules[0].OnPodConditions[0].Type != "DisruptionTarget" ||
		rules[1].Action != "FailIndex" || !reflect.DeepEqual(rules[1].OnExitCodes.Values, []int{1, 2, 3}) {
		t.Errorf("%+v", rules)
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"fine":           {func(*Options) {}, ""},
		"no image":       {func(o *Options) { o.Image = "" }, "--image NAME is missing"},
		"store outside":  {func(o *Options) { o.Store = "/home/x/.runner" }, "/home/x/.runner lies on no volume"},
		"beside, alike":  {func(o *Options) { o.Store = "/workshop/.runner" }, "/workshop/.runner lies on no volume"},
		"no volume":      {func(o *Options) { o.Volumes = nil }, "lies on no volume"},
		"on the volume":  {func(o *Options) { o.Store = "/srv" }, ""},
		"program abroad": {func(o *Options) { o.Program = "/usr/bin/runner" }, "/usr/bin/runner lies on no volume"},
	} {
		o := options()
		c.change(o)
		err := o.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for _, text := range []string{"work", "work=", "work=relative", "=/x", "Work=/x"} {
		if _, err := ParseVolume(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestJobName(t *testing.T) {
	for text, want := range map[string]string{"rn-a_b/C": "rn-a-b-c", "--x--": "x", strings.Repeat("ab-", 40): strings.TrimRight(strings.Repeat("ab-", 21), "-")} {
		if got := jobName(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
