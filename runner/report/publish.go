package report

import (
	"context"
	"fmt"
	"strings"

	"react/runner/cli"
	"react/runner/experiment"
)

// Publish writes an experiment's results into dir as a folder that stands alone, with
// images of the gallery's choice, and says what it holds.
func Publish(ctx context.Context, e *experiment.Experiment, gallery, dir string) (summary string, err error) {
	r, err := openReporter(ctx, e, Options{Gallery: gallery, Plain: true})
	if err != nil {
		return "", err
	}
	p, err := r.publication()
	if err != nil {
		return "", err
	}
	return p.summary(), p.write(dir)
}

// Refresh makes a published folder anew from its sources, which must be as they were
// written.
func Refresh(ctx context.Context, dir string) (summary string, err error) {
	faults, err := checkDigests(dir)
	if err != nil {
		return "", err
	}
	for _, fault := range faults {
		if strings.HasPrefix(fault, "data/") {
			return "", fmt.Errorf("%s: %s", cli.ShownPath(dir), fault)
		}
	}
	p, err := readPublication(ctx, dir)
	if err != nil {
		return "", err
	}
	return p.summary(), p.write(dir)
}

// Checked is what a check of a published folder found.
type Checked struct {
	Summary string
	Faults  []string // what is not as the folder says
	Unbound int      // stages whose keys leave out the depth of a search that matters
}

// Check verifies a published folder from itself. The error is what kept it from being
// read.
func Check(ctx context.Context, dir string) (Checked, error) {
	p, faults, err := checkPublication(ctx, dir)
	if err != nil {
		return Checked{}, err
	}
	return Checked{p.summary(), faults, p.unbound}, nil
}
