package world

import (
	"context"
	"fmt"
	"math/rand/v2"

	"react/data/datasets"
)

// set is a labelled evaluation set: its classes, and a picture of one of them.
type set struct {
	name    string
	classes []string
	sample  func(class int, rng *rand.Rand) picture
}

func sets(p Params) []set {
	others := set{name: "others", sample: func(class int, rng *rand.Rand) picture { return sampleOther(otherLooks[class], rng) }}
	for _, l := range otherLooks {
		others.classes = append(others.classes, plainName(l))
	}
	return []set{kindSet("task", p.taskKinds()), kindSet("choose", p.chooseKinds()), others}
}

// ClassNames are the classes of a set, nil where there is no such set.
func ClassNames(p Params, name string) []string {
	if p.check() != nil {
		return nil
	}
	for _, s := range sets(p) {
		if s.name == name {
			return s.classes
		}
	}
	return nil
}

func kindSet(name string, kinds []kind) set {
	s := set{name: name, sample: func(class int, rng *rand.Rand) picture { return sampleNamed(&kinds[class], photo, rng) }}
	for _, k := range kinds {
		s.classes = append(s.classes, k.name)
	}
	return s
}

// writeSet writes TestPerClass images for each class, class after class.
func writeSet(ctx context.Context, dir string, p Params, s set) error {
	out, err := datasets.Create(dir, s.classes, templates)
	if err != nil {
		return err
	}
	err = inBlocks(ctx, len(s.classes)*p.TestPerClass, func(i int) ([]byte, error) {
		r := row{pic: s.sample(i/p.TestPerClass, p.rngOf(s.name, i))}
		return r.png(p.Size)
	}, func(i int, image []byte) error {
		return out.Put(fmt.Sprintf("s%07d", i), "png", image, i/p.TestPerClass)
	})
	if err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
