// Package scan reads the metadata of the pools of an experiment: what their filters leave, which
// rows have no image, and manifests to keep of it (runner pool).
package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"react/data/laion"
	"react/data/lost"
	"react/data/pool"
	"react/data/world"
	"react/ops/op"
	"react/ops/pools"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/spec"
	"react/runner/spec/bounded"
)

// Options say which pools are scanned, and how.
type Options struct {
	Sets   []string // overrides of the file
	Store  string   // where a generated pool's filter may have been applied
	Pool   string   // only the one of this name; "" is all
	To     string   // a folder that the manifest of the one pool is written into; "" only counts
	Decode bool     // decode every image too, and count those that do not
}

// Each scans the pools of an experiment's file, one after the other, and passes each manifest on.
func Each(ctx context.Context, file string, o Options, stderr io.Writer, fn func(string, *pool.Manifest) error) error {
	exp, err := bounded.Load(ctx, file, o.Sets)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(exp.Params.Pool))
	if len(names) == 0 {
		return cli.Usage(fmt.Errorf("%s has no pool", file))
	}
	if o.Pool != "" {
		if !slices.Contains(names, o.Pool) {
			return cli.Usage(fmt.Errorf("--pool %s: there is %s", o.Pool, strings.Join(names, ", ")))
		}
		names = []string{o.Pool}
	}
	if o.To != "" && len(names) > 1 {
		return cli.Usage(fmt.Errorf("--pool NAME: which of %s?", strings.Join(names, ", ")))
	}
	for _, name := range names {
		p := exp.Params.Pool[name]
		look := func() (*pool.Manifest, error) { return o.scan(ctx, p, stderr) }
		if p.World != nil && p.Filter != nil && o.To == "" {
			look = func() (*pool.Manifest, error) { return o.filtered(ctx, file, p) }
		}
		man, err := look()
		if err != nil {
			return fmt.Errorf("pool.%s: %w", name, err)
		}
		if err := fn(name, man); err != nil {
			return err
		}
	}
	return nil
}

// filtered finds what the filter of a generated pool left, in the output of its stage.
func (o Options) filtered(ctx context.Context, file string, p spec.Pool) (*pool.Manifest, error) {
	e, err := experiment.Load(ctx, file, o.Sets, o.Store)
	if err != nil {
		return nil, err
	}
	defer e.Store.Close()
	filter, err := op.Canonical(plan.FilterParams(p))
	if err != nil {
		return nil, err
	}
	generated, err := op.Canonical(world.Params(*p.World))
	if err != nil {
		return nil, err
	}
	for _, s := range e.Plan.Stages {
		in := s.In["pool"]
		if s.Op != "filter" || in == nil || !bytes.Equal(in.Params, generated) ||
			!bytes.Equal(s.Params, filter) {
			continue
		}
		entry, ok, err := e.Store.Lookup(s.Key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("a generated pool, which is filtered when it is made: first %s", e.Command())
		}
		return pool.Read(entry.Dir)
	}
	return nil, errors.New("a generated pool whose filter no trial uses")
}

func (o Options) scan(ctx context.Context, p spec.Pool, stderr io.Writer) (*pool.Manifest, error) {
	src, lists, err := plan.PoolMetadata(p)
	if err != nil {
		return nil, err
	}
	matcher, err := pool.NewMatcher(plan.FilterParams(p).Filter, lists)
	if err != nil {
		return nil, err
	}
	notes, err := laion.Notes(src.Metadata, src.Folder)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		fmt.Fprintln(stderr, "warning:", note)
	}
	if o.To == "" {
		man, err := pool.Write(ctx, "", src, matcher, nil)
		if err == nil && p.Shards != "" {
			man.Lost, err = o.countImages(ctx, src, p, stderr)
		}
		return man, err
	}
	return pool.Pin(ctx, o.To, src, matcher)
}

// countImages says which rows have no image; more of them than a sweep would bear
// are said so.
func (o Options) countImages(ctx context.Context, src pool.Source, p spec.Pool, stderr io.Writer) (*lost.Count, error) {
	var err error
	if src.Images, err = plan.PoolShards(p); err != nil {
		return nil, err
	}
	run := &op.Run{Workers: runtime.GOMAXPROCS(0), Warn: func(format string, args ...any) { fmt.Fprintf(stderr, "warning: "+format+"\n", args...) }}
	c, err := pools.CountLost(ctx, src, o.Decode, run)
	if err != nil {
		return nil, err
	}
	if err := c.Check(p.MaxBadShare); err != nil {
		fmt.Fprintf(stderr, "warning: %v: a sweep would stop here\n", err)
	}
	return &c, nil
}
