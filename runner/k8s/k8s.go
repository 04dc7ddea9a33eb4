// Package k8s writes arrays of runner/launch as Kubernetes Indexed Jobs
// (batch/v1). It talks to no cluster: what it makes is given to kubectl.
//
// One Job runs the stages of one level and class: JOB_COMPLETION_INDEX is the
// line of tasks.jsonl. Kubernetes has no dependencies between Jobs, so all but
// the first level are made suspended, to be resumed in turn.
//
// Who retries what (podFailurePolicy): a pod that the cluster takes away
// (DisruptionTarget: drained, preempted) counts for nothing; one whose worker
// says that the stage failed by itself fails its index at once; any other end
// counts toward backoffLimitPerIndex. All this is stable since Kubernetes 1.33.
package k8s

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"react/runner/cli"
	"react/runner/launch"
)

// Volume is a PersistentVolumeClaim and where pods see it.
type Volume struct {
	Claim string
	Path  string
}

// ParseVolume reads CLAIM=/path.
func ParseVolume(text string) (Volume, error) {
	claim, path, ok := strings.Cut(text, "=")
	if !ok || !label.MatchString(claim) || !filepath.IsAbs(path) {
		return Volume{}, fmt.Errorf("--volume %s: not of the form CLAIM=/path", text)
	}
	return Volume{claim, filepath.Clean(path)}, nil
}

// Options are how this cluster is to be asked.
type Options struct {
	Sweep    string // name and hash of the sweep, for labels
	Image    string // the program is on a volume; the image needs glibc
	Volumes  []Volume
	Program  string
	Store    string
	Args     []string // further flags of worker
	WorkDir  string
	Throttle int // pods of a Job at a time, 0 for no limit
	Retries  int
}

// Job is one Indexed Job, in the fields that it sets.
type Job struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
}

// List is several Jobs as kubectl takes them.
type List struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []Job  `json:"items"`
}

type metadata struct {
	Name        string            `json:"name,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type spec struct {
	CompletionMode       string        `json:"completionMode"`
	Completions          int           `json:"completions"`
	Parallelism          int           `json:"parallelism"`
	Suspend              bool          `json:"suspend,omitempty"`
	BackoffLimitPerIndex int           `json:"backoffLimitPerIndex"`
	PodFailurePolicy     failurePolicy `json:"podFailurePolicy"`
	Template             template      `json:"template"`
}

type failurePolicy struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	Action          string         `json:"action"`
	OnExitCodes     *exitCodes     `json:"onExitCodes,omitempty"`
	OnPodConditions []podCondition `json:"onPodConditions,omitempty"`
}

type exitCodes struct {
	ContainerName string `json:"containerName"`
	Operator      string `json:"operator"`
	Values        []int  `json:"values"`
}

type podCondition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
}

type template struct {
	Metadata metadata `json:"metadata"`
	Spec     podSpec  `json:"spec"`
}

type podSpec struct {
	RestartPolicy                 string      `json:"restartPolicy"`
	TerminationGracePeriodSeconds int         `json:"terminationGracePeriodSeconds"`
	Containers                    []container `json:"containers"`
	Volumes                       []volume    `json:"volumes"`
}

type container struct {
	Name         string    `json:"name"`
	Image        string    `json:"image"`
	Command      []string  `json:"command"`
	WorkingDir   string    `json:"workingDir"`
	Resources    resources `json:"resources"`
	VolumeMounts []mount   `json:"volumeMounts"`
}

type resources struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

type mount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
}

type volume struct {
	Name  string `json:"name"`
	Claim struct {
		ClaimName string `json:"claimName"`
	} `json:"persistentVolumeClaim"`
}

// graceSeconds is how long a pod has to save when it is taken away, as much as
// the warning that Slurm is asked for.
const graceSeconds = 120

// finalCodes are a worker's after which the index fails for good: a failed stage (out of memory and
// missing inputs among them), a bad command, a bad spec. A store that cannot be reached may be
// there for the next try.
var finalCodes = []int{cli.CodeFailed, cli.CodeUsage, cli.CodeSpec}

// label is what Kubernetes takes as the name of a thing.
var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// unfit are the characters that it does not take.
var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// Check finds what no pod could run with.
func (o *Options) Check() error {
	if o.Image == "" {
		return errors.New("--image NAME is missing: any image with glibc, such as debian:12-slim; the program comes from the volume")
	}
	for _, path := range []string{o.Store, o.Program} {
		if !o.seen(path) {
			return fmt.Errorf("%s lies on no volume: pods see only what --volume CLAIM=/path mounts", path)
		}
	}
	return nil
}

func (o *Options) seen(path string) bool {
	for _, v := range o.Volumes {
		if rel, err := filepath.Rel(v.Path, path); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return true
		}
	}
	return false
}

// New makes the Job of an array whose folder was written to record. level
// counts from 0; those above it start suspended.
func (o *Options) New(r *launch.Record, level int) Job {
	name := jobName(r.Name)
	labels := map[string]string{"app.kubernetes.io/name": "runner", "runner/sweep": jobName(o.Sweep), "runner/level": strconv.Itoa(level)}
	n := len(r.Keys)
	parallelism := n
	if o.Throttle > 0 {
		parallelism = min(n, o.Throttle)
	}
	return Job{APIVersion: "batch/v1", Kind: "Job",
		Metadata: metadata{Name: name, Labels: labels, Annotations: map[string]string{"runner/op": r.Op, "runner/tasks": filepath.Join(r.Dir, launch.TasksFile)}},
		Spec: spec{CompletionMode: "Indexed", Completions: n, Parallelism: parallelism, Suspend: level > 0, BackoffLimitPerIndex: o.Retries,
			PodFailurePolicy: failurePolicy{[]rule{
				{Action: "Ignore", OnPodConditions: []podCondition{{"DisruptionTarget", "True"}}},
				{Action: "FailIndex", OnExitCodes: &exitCodes{"worker", "In", finalCodes}},
			}},
			Template: template{metadata{Labels: labels}, o.pod(r)}}}
}

func (o *Options) pod(r *launch.Record) podSpec {
	p := podSpec{RestartPolicy: "Never", TerminationGracePeriodSeconds: graceSeconds, Containers: []container{{Name: "worker", Image: o.Image,
		Command:    append([]string{o.Program, "worker", "--tasks", filepath.Join(r.Dir, launch.TasksFile), "--store", o.Store}, o.Args...),
		WorkingDir: o.WorkDir, Resources: ask(r.Resources)}}}
	for i, v := range o.Volumes {
		name := fmt.Sprintf("volume-%d", i)
		p.Containers[0].VolumeMounts = append(p.Containers[0].VolumeMounts, mount{name, v.Path})
		p.Volumes = append(p.Volumes, volume{Name: name})
		p.Volumes[i].Claim.ClaimName = v.Claim
	}
	return p
}

// ask: memory is a limit too, so that a node is not brought down; the worker
// ends itself at the same size, with the cause on record.
func ask(r launch.Resources) resources {
	a := resources{Requests: map[string]string{}, Limits: map[string]string{}}
	if r.CPUs > 0 {
		a.Requests["cpu"] = strconv.Itoa(r.CPUs)
	}
	if r.Memory > 0 {
		size := fmt.Sprintf("%dMi", (r.Memory+1<<20-1)>>20)
		a.Requests["memory"], a.Limits["memory"] = size, size
	}
	if r.GPUs > 0 {
		a.Limits["nvidia.com/gpu"] = strconv.Itoa(r.GPUs)
	}
	return a
}

// jobName makes a name of any text: lower case, digits and hyphens, at most 63.
func jobName(text string) string {
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(name) > 63 {
		name = strings.Trim(name[:63], "-")
	}
	return name
}
