package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"react/runner/launch"
)

// Site is how this cluster wants to be asked: never part of an experiment. The
// zero value leaves everything to Slurm's defaults.
type Site struct {
	Partition string `json:"partition,omitempty"`
	Account   string `json:"account,omitempty"`
	QOS       string `json:"qos,omitempty"`
	Time      string `json:"time,omitempty"` // as sbatch takes it, "1-12:00:00"
	GRES      string `json:"gres,omitempty"`
	CPUs      int    `json:"cpus,omitempty"`
	Mem       string `json:"mem,omitempty"` // as sbatch takes it, "16G"
	// Options are further lines for sbatch, such as "--constraint=a100".
	Options []string `json:"options,omitempty"`
	// Classes are what to ask otherwise for stages of a class: "engine" for
	// those that compute on one (embed, pretrain, tune, evaluate ...), "data".
	Classes map[string]Site `json:"classes,omitempty"`
}

// SiteFile is where the user's presets are: RUNNER_SLURM, else
// runner/slurm.json in the user's folder of configuration.
func SiteFile() string {
	if path := os.Getenv("RUNNER_SLURM"); path != "" {
		return path
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "runner", "slurm.json")
}

// ReadSite reads presets. Without a file they are empty.
func ReadSite(path string) (Site, error) {
	var site Site
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("RUNNER_SLURM") == "" {
		return site, nil
	}
	if err != nil {
		return site, err
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&site); err != nil {
		return site, fmt.Errorf("%s: %w", path, err)
	}
	for class := range site.Classes {
		if class != "engine" && class != "data" {
			return site, fmt.Errorf("%s: classes.%s: no such class; there are engine and data", path, class)
		}
	}
	return site, nil
}

// Over returns the site with what other says put over it.
func (s Site) Over(other Site) Site {
	for _, f := range []struct{ to, from *string }{{&s.Partition, &other.Partition}, {&s.Account, &other.Account}, {&s.QOS, &other.QOS},
		{&s.Time, &other.Time}, {&s.GRES, &other.GRES}, {&s.Mem, &other.Mem}} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	if other.CPUs > 0 {
		s.CPUs = other.CPUs
	}
	s.Options = append(append([]string{}, s.Options...), other.Options...)
	return s
}

// Class returns what is asked for stages of a class.
func (s Site) Class(name string) Site {
	class := s.Classes[name]
	s.Classes = nil
	return s.Over(class)
}

// Script is what sbatch is given for an array.
type Script struct {
	Record   *launch.Record
	Program  string // the copy that jobs run
	Store    string
	Args     []string // further flags of worker
	WorkDir  string
	Throttle int // elements at a time, 0 for no limit
	Exclude  []string
	Site     Site
}

// warnMost is how long before a time limit the worker is told, in seconds.
const warnMost = 120

// warnSeconds is warnMost, or a third of a short limit: told at its start, a
// stage would stop at once. limit is in one of sbatch's forms: minutes,
// minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]].
func warnSeconds(limit string) int {
	days, rest, hasDays := strings.Cut(limit, "-")
	if !hasDays {
		days, rest = "0", limit
	}
	units := []int{60, 1}
	if parts := strings.Count(rest, ":") + 1; hasDays || parts == 3 {
		units = []int{3600, 60, 1}
	}
	total, err := strconv.Atoi(days)
	total *= 24 * 3600
	for i, part := range strings.Split(rest, ":") {
		n, bad := strconv.Atoi(part)
		if err = errors.Join(err, bad); err != nil || i >= len(units) {
			return warnMost
		}
		total += n * units[i]
	}
	return max(1, min(warnMost, total/3))
}

// Text is the script: everything that was asked is in it, and in no command
// line.
func (s *Script) Text() string {
	r := s.Record
	site := s.Site.Class(r.Resources.Class)
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	option := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "#SBATCH --%s=%s\n", name, value)
		}
	}
	option("job-name", r.Name)
	option("array", s.array())
	option("output", strconv.Quote(strings.ReplaceAll(launch.Log(r.Dir, -1), "%", "%%")))
	option("chdir", strconv.Quote(s.WorkDir))
	b.WriteString("#SBATCH --open-mode=append\n#SBATCH --requeue\n#SBATCH --kill-on-invalid-dep=yes\n")
	option("signal", fmt.Sprintf("B:USR2@%d", warnSeconds(site.Time)))
	option("dependency", s.dependency())
	option("partition", site.Partition)
	option("account", site.Account)
	option("qos", site.QOS)
	option("time", site.Time)
	option("gres", site.GRES)
	if cpus := max(site.CPUs, r.Resources.CPUs); cpus > 0 {
		option("cpus-per-task", strconv.Itoa(cpus))
	}
	option("mem", memory(site.Mem, r.Resources.Memory))
	option("exclude", strings.Join(s.Exclude, ","))
	for _, line := range site.Options {
		fmt.Fprintf(&b, "#SBATCH %s\n", line)
	}
	// Until the program listens, a warning must not kill it.
	fmt.Fprintf(&b, "\ntrap '' USR2\n[ -z \"$SLURM_CPUS_PER_TASK\" ] || export GOMAXPROCS=\"$SLURM_CPUS_PER_TASK\"\nexec %s worker --tasks %s --store %s",
		quote(s.Program), quote(filepath.Join(r.Dir, launch.TasksFile)), quote(s.Store))
	for _, arg := range s.Args {
		b.WriteString(" " + quote(arg))
	}
	b.WriteString("\n")
	return strings.Replace(b.String(), "/-1.log", "/%a.log", 1)
}

// memory: what a person asks for goes before what the plan reckons.
func memory(asked string, reckoned int64) string {
	if asked != "" || reckoned == 0 {
		return asked
	}
	return fmt.Sprintf("%dM", (reckoned+1<<20-1)>>20)
}

// array is the list of indices, as ranges.
func (s *Script) array() string {
	var parts []string
	keys := s.Record.Keys
	for i := 0; i < len(keys); i++ {
		if keys[i] == "" {
			continue
		}
		first := i
		for i+1 < len(keys) && keys[i+1] != "" {
			i++
		}
		if first == i {
			parts = append(parts, strconv.Itoa(first))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", first, i))
	}
	text := strings.Join(parts, ",")
	if s.Throttle > 0 {
		text += fmt.Sprintf("%%%d", s.Throttle)
	}
	return text
}

// dependency: all of After, and of Each the element of the same index.
func (s *Script) dependency() string {
	var parts []string
	if len(s.Record.After) > 0 {
		parts = append(parts, "afterok:"+strings.Join(s.Record.After, ":"))
	}
	if s.Record.Each != "" {
		parts = append(parts, "aftercorr:"+s.Record.Each)
	}
	return strings.Join(parts, ",")
}

// quote makes one word of a shell of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Bytes reads a memory size as sbatch takes it ("16G", "500M", plain numbers
// are megabytes); without one it returns otherwise.
func Bytes(mem string, otherwise int64) int64 {
	if mem == "" {
		return otherwise
	}
	unit := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}[mem[len(mem)-1]]
	digits := mem
	if unit > 0 {
		digits = mem[:len(mem)-1]
	} else {
		unit = 1 << 20
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return otherwise
	}
	return n * unit
}
